"""Monitor: the status of stored runs, as data and in words, and requests to them, for the commands and the page."""
