"""Commands for AI agents: each returns at once or within a given time, since agents end commands after a minute."""
