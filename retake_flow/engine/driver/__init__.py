"""The driver: journals each step, executes its commands, and brings their outcomes back as events."""
