"""Processes: starting, watching and ending programs."""
