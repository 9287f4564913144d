"""Names of events, and which routes match them."""

from __future__ import annotations

#: Errors that any action can end with, besides those it declares.
ERRORS = ("input", "expression", "internal", "interrupted")
#: Events that come from outside a run, in any state.
OUTSIDE = ("stop",)


def matches(pattern: str, event: str) -> bool:
    """Whether a route written for `pattern` takes `event`: `error` takes `error.unauthorized`."""
    return event == pattern or event.startswith(pattern + ".")
