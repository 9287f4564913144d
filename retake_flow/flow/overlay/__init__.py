"""Overlays: flows that extend another one."""
