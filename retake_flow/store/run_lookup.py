"""Run lookup: finds the run that a name means."""

from __future__ import annotations

from collections.abc import Sequence

from retake_flow.run.errors import RunUnknown

#: The number of ids listed when a prefix is ambiguous.
EXAMPLES = 5


def unknown(run: str, place: str) -> RunUnknown:
    """The error that a store called `place` has no run of an id."""
    hint = f"`retake-flow runs` lists those in {place}; another user's runs are in a store of their own"
    return RunUnknown(f"there is no run {run!r}", hint=hint)


def only(name: str, found: Sequence[str], place: str) -> str:
    """The only id that matches a name in the store called `place`.

    Raises:
        RunUnknown: No run matches, or more than one.
    """
    if not found:
        if name != "last":
            raise unknown(name, place)
        hint = "`retake-flow runs` lists those of all agents; `last` knows only those with the same credentials"
        raise RunUnknown(f"there is no run yet of this agent in {place}", hint=hint)
    if len(found) > 1:
        more = ", …" if len(found) > EXAMPLES else ""
        raise RunUnknown(
            f"{name!r} may be {', '.join(found[:EXAMPLES])}{more}", hint="write more of it, until only one is meant"
        )
    return found[0]
