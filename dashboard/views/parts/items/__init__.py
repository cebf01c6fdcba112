"""Parts of the page Items."""
