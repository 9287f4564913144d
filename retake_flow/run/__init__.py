"""The data of a run: its state, events and commands, and their stored forms."""
