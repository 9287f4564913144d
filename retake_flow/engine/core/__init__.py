"""The pure half of the engine: a run and an event give a new run and commands."""
