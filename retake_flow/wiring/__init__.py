"""Composition root: the only package that names the real adapters."""
