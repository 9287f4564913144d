"""Diagnosis: the checks of `doctor` on this machine, and their findings."""
