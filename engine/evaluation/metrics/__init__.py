"""Metrics of lists: accuracy and beyond."""
