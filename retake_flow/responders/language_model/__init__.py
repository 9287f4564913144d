"""A language model that answers chat."""
