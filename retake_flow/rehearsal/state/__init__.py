"""The state of the rehearsed platform, without I/O."""
