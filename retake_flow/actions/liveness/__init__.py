"""Liveness: when the platform shows a stream as live, and how long that takes."""
