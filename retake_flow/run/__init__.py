"""The words of a run: what it is, what happens to it, what it wants, and how all that is written down."""
