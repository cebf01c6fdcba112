"""About a whole run: worked out once, kept in the run folder."""
