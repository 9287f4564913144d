"""What would happen in a run: the engine on a virtual clock, without network, programs or a store."""
