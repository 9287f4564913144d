"""Windows: terminals, players and other programs on the display, and their arrangement."""
