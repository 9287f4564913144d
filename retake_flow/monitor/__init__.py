"""Monitor: how stored runs stand, in data and in words, and what people ask of them, for the commands and the page."""
