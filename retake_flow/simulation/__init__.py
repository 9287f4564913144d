"""The real engine on a virtual clock, led by a script: what it does is told line by line."""
