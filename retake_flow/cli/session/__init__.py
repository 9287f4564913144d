"""Sessions: driving runs in this process, with prompts and interrupts."""
