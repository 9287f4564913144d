"""What a rehearsal is told beforehand: options, script, faults."""
