"""Runs in a database: a SQLite file, or PostgreSQL. Nothing here is imported before a store is opened."""
