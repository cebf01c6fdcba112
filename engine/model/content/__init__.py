"""What items and users are made of: tables, text."""
