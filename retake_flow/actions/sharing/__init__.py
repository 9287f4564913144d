"""Actions that share a stream on social networks."""
