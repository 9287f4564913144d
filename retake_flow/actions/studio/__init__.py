"""Actions that start programs of the studio and take pictures."""
