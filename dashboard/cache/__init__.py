"""Every cache of the pages, keyed on run names and plain values."""
