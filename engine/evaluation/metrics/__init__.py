"""Figures of one list: accuracy, and what lists are like beside it."""
