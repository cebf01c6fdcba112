"""Parts of the page Head vs tail."""
