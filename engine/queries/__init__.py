"""Queries about one user or item."""
