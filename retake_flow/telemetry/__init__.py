"""Telemetry: metrics, health and traces of the runs on a host."""
