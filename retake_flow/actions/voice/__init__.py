"""Actions that play sound and speak."""
