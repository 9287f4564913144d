"""The virtual time of simulations, as tests use it."""

from retake_flow.simulation.virtual_time import EPOCH, Deadlock, VirtualClock, VirtualLoop, run

__all__ = ["EPOCH", "Deadlock", "VirtualClock", "VirtualLoop", "run"]
