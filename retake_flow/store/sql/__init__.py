"""Runs in a database: a SQLite file, or PostgreSQL. Nothing here is imported until a store is opened."""
