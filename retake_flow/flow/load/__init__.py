"""Loading: from files to the frozen model."""
