"""Statements about groups of users: the gap, its parts, its ceiling, its change."""
