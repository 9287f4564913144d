"""What the engine needs of the world, as small protocols that `wiring` fills in."""
