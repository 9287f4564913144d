"""Diagrams of a flow."""
