"""Rules for groups of users, and the groups that every run has."""
