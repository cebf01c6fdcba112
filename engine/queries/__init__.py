"""Questions about one user or item."""
