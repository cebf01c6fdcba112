"""The HTML report: one file without script."""
