"""Commands on runs: start, resume, look, answer, stop."""
