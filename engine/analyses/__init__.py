"""Analyses of a whole run: computed once, kept in the run folder."""
