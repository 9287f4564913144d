"""The fleet: workers that drive submitted runs on many hosts."""
