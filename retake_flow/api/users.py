"""Users: matches names with the platform's public user data. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from retake_flow.api.lenient_json import JsonObject, text
from retake_flow.errors import UnexpectedAnswer

#: No document says which field holds the name; these are its names in the platform's other answers.
NAMES = ("username", "fusername", "agent_name", "streamer_name", "name", "display_name")


def is_named(answer: object, name: str) -> bool:
    """Whether the user looked up by name or id has this name, or cannot be anybody else."""
    found = _names(answer) if isinstance(answer, Mapping) else set()
    if not found:
        return isinstance(answer, Mapping) and bool(text(answer, "streamer_id", "user_id"))
    return _fold(name) in found


def is_among(answer: object, name: str) -> bool:
    """Whether any user found by a search has this name; the answer is a list, bare or under `users`.

    Raises:
        UnexpectedAnswer: The answer is something else, or has no names.
    """
    entries = answer.get("users") if isinstance(answer, Mapping) else answer
    if not isinstance(entries, list):
        raise UnexpectedAnswer("retake.tv's answer about its users is not a list of them")
    users = [entry for entry in entries if isinstance(entry, Mapping)]
    if not all(_names(user) for user in users) or len(users) < len(entries):
        raise UnexpectedAnswer("retake.tv's answer about its users does not tell their names")
    return any(_fold(name) in _names(user) for user in users)


def _names(user: JsonObject) -> set[str]:
    return {_fold(found) for found in (text(user, field) for field in NAMES) if found.strip()}


def _fold(name: str) -> str:
    return name.strip().casefold()
