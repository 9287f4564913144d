"""Actions of the flow's own: programs, functions and requests."""
