"""The HTTP side of the rehearsed platform."""
