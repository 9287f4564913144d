"""Commands on runs: start, resume, follow, answer, speak, stop."""
