"""Expressions: restricted Jinja2."""
