"""Real-time connection to retake.tv."""
