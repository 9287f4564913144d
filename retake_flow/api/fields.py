"""Read fields of JSON that may be missing, null or of another type than documented."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from retake_flow.controls import stripped
from retake_flow.errors import UnexpectedAnswer

JsonObject = Mapping[str, Any]

# All C0 and C1 controls but tab and newline: a terminal would obey them, and chat is shown in one on stream.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SECONDS_END = 10_000_000_000  # a smaller epoch counts seconds, a larger one milliseconds


def as_object(value: object, of: str) -> JsonObject:
    """The JSON object that an answer must be.

    Args:
        value: Parsed JSON.
        of: What was asked for, in words for the message.

    Raises:
        UnexpectedAnswer: It is something else.
    """
    if isinstance(value, Mapping):
        return value
    raise UnexpectedAnswer(f"retake.tv's answer about {of} is not a JSON object")


def member(data: JsonObject, name: str) -> JsonObject:
    """The object under `name`, or an empty one."""
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}


def text(data: JsonObject, *names: str) -> str:
    """The first non-empty text under one of `names`, without control characters; "" when there is none."""
    return _CONTROLS.sub("", identifier(data, *names))


def identifier(data: JsonObject, *names: str) -> str:
    """The first id under one of `names`, exactly as sent; whole numbers count as text; "" when there is none."""
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40:
            return str(value)
    return ""


def number(data: JsonObject, name: str) -> float | None:
    """The finite number under `name`, also when it is written as text."""
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(data: JsonObject, name: str) -> int:
    """The whole number under `name`, 0 when there is none."""
    found = number(data, name)
    return 0 if found is None else max(0, int(found))


def figure(data: JsonObject, *names: str) -> float:
    """The first number under one of `names`; 0 when there is none."""
    return next((found for name in names if (found := number(data, name)) is not None), 0.0)


def line(data: JsonObject, *names: str, most: int) -> str:
    """The first text under one of `names`, on one line of at most `most` characters that no terminal obeys."""
    words = " ".join(stripped(identifier(data, *names)).split())
    return words if len(words) <= most else words[: most - 1] + "…"


def epoch(data: JsonObject, *names: str) -> float:
    """The first time under one of `names`, ISO-8601 or an epoch, in seconds since the epoch; 0 when there is none."""
    return next((found for name in names if (found := _epoch(data, name))), 0.0)


def _epoch(data: JsonObject, name: str) -> float:
    given = number(data, name)
    if given is not None:
        return given if abs(given) < _SECONDS_END else given / 1000
    try:
        moment = datetime.fromisoformat(text(data, name))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def required_text(data: JsonObject, name: str, of: str) -> str:
    """The text under `name`.

    Raises:
        UnexpectedAnswer: There is none.
    """
    found = text(data, name)
    if not found:
        raise UnexpectedAnswer(f"retake.tv's answer about {of} has no usable `{name}`")
    return found


def required_flag(data: JsonObject, name: str, of: str) -> bool:
    """The true or false under `name`.

    Raises:
        UnexpectedAnswer: There is neither.
    """
    found = data.get(name)
    if not isinstance(found, bool):
        raise UnexpectedAnswer(f"retake.tv's answer about {of} has no usable `{name}`")
    return found


def well_formed(value: str) -> str:
    """The text with lone surrogates replaced, so that it can be written as UTF-8."""
    return value.encode("utf-8", "replace").decode("utf-8")
