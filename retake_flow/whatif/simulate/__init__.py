"""Simulation: the real engine on a virtual clock, driven by a script."""
