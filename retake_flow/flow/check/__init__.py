"""Checks: everything that can be said about a flow before it runs."""
