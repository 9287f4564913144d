"""What a person calls a run."""

from __future__ import annotations

from collections.abc import Sequence

from retake_flow.errors import RunUnknown

#: How many ids explain that a prefix is not enough.
EXAMPLES = 5


def unknown(run: str) -> RunUnknown:
    """That there is no run of an id."""
    return RunUnknown(f"there is no run {run!r}")


def only(name: str, found: Sequence[str]) -> str:
    """The one id that was found for a name.

    Raises:
        RunUnknown: None was found, or more than one.
    """
    if not found:
        raise RunUnknown("there is no run yet") if name == "last" else unknown(name)
    if len(found) > 1:
        more = ", …" if len(found) > EXAMPLES else ""
        raise RunUnknown(
            f"{name!r} may be {', '.join(found[:EXAMPLES])}{more}", hint="write more of it, until only one is meant"
        )
    return found[0]
