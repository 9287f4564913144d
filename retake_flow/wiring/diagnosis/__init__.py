"""What `doctor` tries on this machine, and what it finds."""
