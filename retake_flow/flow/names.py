"""Names in a flow: paths of states, events and the patterns that match them, and what expressions may begin with."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Final

#: Separates the names in the path of a state.
SEPARATOR = "/"
#: The pattern of every event.
ANY = "*"
#: Errors that any action can end with, besides those it declares.
ERRORS = ("input", "expression", "internal", "interrupted")
#: The kind of events that say which event was skipped, since an expression on its way cannot be evaluated.
SKIPPED = "skipped"
#: The name of the event that re-enters a state after an error inside.
RETRY = "retry"
#: Events that come from outside a run, in any state.
OUTSIDE = ("stop",)


def join(scope: str, name: str) -> str:
    """The path of a state in a state; "" is the flow itself."""
    return scope + SEPARATOR + name if scope else name


def parent(path: str) -> str:
    """The path of the state around one; "" at the top."""
    return path.rpartition(SEPARATOR)[0]


def last(path: str) -> str:
    """The name of a state, from its path."""
    return path.rpartition(SEPARATOR)[2]


def is_within(inner: str, outer: str) -> bool:
    """Whether one state is another or inside it; every state is inside the flow itself ("")."""
    return not outer or inner == outer or inner.startswith(outer + SEPARATOR)


def is_called(path: str, name: str) -> bool:
    """Whether a name means a state or an activity: its path or key, or the end of either."""
    return path == name or path.endswith((SEPARATOR + name, ":" + name))


def find_target(bearer: str, written: str, paths: Container[str], root: str = "") -> str | None:
    """The path that a route's target means: a sibling of its state, or outward level by level up to `root`."""
    scope = bearer
    while scope != root:
        scope = parent(scope)
        if join(scope, written) in paths:
            return join(scope, written)
    return None


def matches(pattern: str, event: str) -> bool:
    """Whether a route written for `pattern` takes `event`: `error` takes `error.unauthorized`, and `*` everything."""
    return pattern in (event, ANY) or event.startswith(pattern + ".")


def longest_match(event: str, patterns: Container[str]) -> str:
    """The most specific of some patterns that takes an event; "" if none does."""
    name = event
    while name and name not in patterns:
        name = name.rpartition(".")[0]
    return name or (ANY if event and ANY in patterns else "")


def patterns_of(event: str) -> Iterator[str]:
    """Every pattern that takes an event, in the order in which they are tried."""
    while event and event != ANY:
        yield event
        event = event.rpartition(".")[0]
    yield ANY


def by_precision(patterns: Iterable[str]) -> list[str]:
    """Patterns in the order in which they are tried: the most specific first, `*` last."""
    return sorted(patterns, key=lambda pattern: (pattern != ANY, len(pattern)), reverse=True)


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
