"""Runs of a flow in a scenario, mocked or rehearsed."""
