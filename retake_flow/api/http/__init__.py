"""HTTP transport to retake.tv."""
