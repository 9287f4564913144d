"""Actions of one's own: programs and requests that a flow brings along."""
