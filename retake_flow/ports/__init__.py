"""Ports: small protocols for what the engine needs from the world, implemented by `wiring`."""
