"""Sessions: drive runs in this process, with prompts and interrupts."""
