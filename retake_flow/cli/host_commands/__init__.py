"""Commands for this machine: its checks, agents, store and worker, and the servers on it."""
