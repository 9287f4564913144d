"""The flow as a graph: exit and entry sets, transitions, reachability."""
