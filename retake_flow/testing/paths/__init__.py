"""The shortest paths through a flow, and scenarios generated from them."""
