"""Commands for this machine: doctor, guide, rehearsal."""
