"""Rules: requirements that hold on every path of a flow, checked before anything runs."""
