"""Plans: what would happen in a run, step by step."""
