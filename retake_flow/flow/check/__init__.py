"""Checks: every problem of a flow that can be found before it runs."""
