"""Names of events, and which routes match them."""

from __future__ import annotations

from collections.abc import Container, Iterable

#: The pattern of every event.
ANY = "*"
#: Errors that any action can end with, besides those it declares.
ERRORS = ("input", "expression", "internal", "interrupted")
#: The kind of events that say which event was skipped, since an expression on its way cannot be evaluated.
SKIPPED = "skipped"
#: The name of what enters a state anew after an error inside.
RETRY = "retry"
#: Events that come from outside a run, in any state.
OUTSIDE = ("stop",)


def matches(pattern: str, event: str) -> bool:
    """Whether a route written for `pattern` takes `event`: `error` takes `error.unauthorized`, and `*` everything."""
    return pattern in (event, ANY) or event.startswith(pattern + ".")


def longest_match(event: str, patterns: Container[str]) -> str:
    """The most specific of some patterns that takes an event; "" if none does."""
    name = event
    while name and name not in patterns:
        name = name.rpartition(".")[0]
    return name or (ANY if event and ANY in patterns else "")


def by_precision(patterns: Iterable[str]) -> list[str]:
    """Patterns in the order in which they are tried: the most specific first, `*` last."""
    return sorted(patterns, key=lambda pattern: (pattern != ANY, len(pattern)), reverse=True)
