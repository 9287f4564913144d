"""Commands for agents, whose commands end after a minute: each returns at once, or within a time that it is given."""
