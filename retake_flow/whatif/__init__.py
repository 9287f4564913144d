"""What would happen: planning and simulation on a virtual clock."""
