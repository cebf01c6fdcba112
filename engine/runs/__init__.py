"""The run folder: where it is, what is in it, and how it is changed."""
