"""The engine: a pure half that decides (chart, macrostep, machine) and a driver that acts (runner, scopes)."""
