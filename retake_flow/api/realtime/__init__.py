"""The real-time connection to retake.tv."""
