"""Take an AI agent live on retake.tv by a YAML state machine."""

__version__ = "0.1.0"
