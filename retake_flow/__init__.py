"""Take an AI agent live on retake.tv with a YAML state machine."""

__version__ = "0.2.0"
