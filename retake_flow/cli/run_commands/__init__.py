"""Commands on runs: start, resume, inspect, answer, stop."""
