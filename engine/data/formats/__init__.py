"""One reader for each format, and how formats are recognised."""
