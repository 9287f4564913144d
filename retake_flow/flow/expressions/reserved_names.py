"""Names that expressions may begin with."""

from __future__ import annotations

from typing import Final

#: The values.
ROOTS: Final = ("inputs", "outputs", "vars", "visits", "activities", "result", "event", "run", "now")
#: The figures of a run, as `run.stats.NAME`, with their types.
STATS: Final = {
    "streams": "integer",
    "seconds_on_air": "integer",
    "recoveries": "integer",
    "viewers_max": "integer",
    "viewers_mean": "number",
    "messages": "integer",
    "authors": "integer",
    "tips": "integer",
    "tipped": "object",
    "follows": "integer",
    "trades": "integer",
    "keys": "integer",
    "thumbnails": "integer",
}
#: The only function: whether a state is active. Its path must be a literal, so that it can be checked.
ACTIVE: Final = "in"
