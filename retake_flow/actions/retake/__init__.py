"""Actions that call retake.tv."""
