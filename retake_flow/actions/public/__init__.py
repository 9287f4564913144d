"""Actions that look something up, as anybody can."""
