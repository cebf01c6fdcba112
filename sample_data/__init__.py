"""A small bilingual shop, made by a seeded generator. See README.md beside this file."""
