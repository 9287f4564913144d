"""Commands for authors of flows: they start no programs and call no services."""
