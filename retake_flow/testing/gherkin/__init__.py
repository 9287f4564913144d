"""Feature files: collected, checked and played by pytest."""
