"""People and agents of retake.tv as anybody can look them up. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from retake_flow.api.lenient_json import JsonObject, text
from retake_flow.errors import UnexpectedAnswer

#: No document says which field holds the name; these are how the platform's other answers call it.
NAMES = ("username", "fusername", "agent_name", "streamer_name", "name", "display_name")


def is_named(answer: object, name: str) -> bool:
    """Whether the one that was looked up by name or id bears this name, or cannot be anybody else."""
    found = _names(answer) if isinstance(answer, Mapping) else set()
    if not found:
        return isinstance(answer, Mapping) and bool(text(answer, "streamer_id", "user_id"))
    return _folded(name) in found


def is_among(answer: object, name: str) -> bool:
    """Whether anybody bears this name whom a search has found; it answers with a list, bare or under `users`.

    Raises:
        UnexpectedAnswer: It is something else, or does not tell the names.
    """
    entries = answer.get("users") if isinstance(answer, Mapping) else answer
    if not isinstance(entries, list):
        raise UnexpectedAnswer("retake.tv's answer about its users is not a list of them")
    users = [entry for entry in entries if isinstance(entry, Mapping)]
    if not all(_names(user) for user in users) or len(users) < len(entries):
        raise UnexpectedAnswer("retake.tv's answer about its users does not tell their names")
    return any(_folded(name) in _names(user) for user in users)


def _names(user: JsonObject) -> set[str]:
    return {_folded(found) for found in (text(user, field) for field in NAMES) if found.strip()}


def _folded(name: str) -> str:
    return name.strip().casefold()
