"""The set-up of a rehearsal: options, script, faults."""
