"""Where runs survive."""
