"""Actions that address the operator."""
