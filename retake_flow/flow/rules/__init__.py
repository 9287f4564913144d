"""Rules: what holds on every path of a flow, checked before anything runs."""
