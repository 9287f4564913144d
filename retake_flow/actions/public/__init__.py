"""Actions for public look-ups."""
