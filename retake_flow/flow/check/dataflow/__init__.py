"""Data-flow analysis: which values are defined wherever an expression reads them."""
