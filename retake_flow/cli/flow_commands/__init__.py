"""Commands for authors: they read flows and run nothing for real."""
