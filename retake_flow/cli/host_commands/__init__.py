"""Commands on this machine: doctor, guide, rehearsal."""
