"""The HTTP transport to retake.tv."""
