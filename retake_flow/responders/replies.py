"""Replies: reads a responder's answer strictly, as a whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retake_flow.api.responses import parse_json
from retake_flow.errors import ResponderFailed
from retake_flow.ports.responders import Answer
from retake_flow.redact import scrub
from retake_flow.sanitize import cut, strip_controls

#: The longest answer that is read, in bytes.
LONGEST: Final = 64 * 1024
FORM: Final = '{"replies": ["…"]}'


def find_answer(value: object) -> Answer | None:
    """The answer in a value, without any secret; None if it is not an answer."""
    if not isinstance(value, dict) or not value.keys() & {"replies", "events"}:
        return None
    replies, raised = value.get("replies", []), value.get("events", [])
    if not isinstance(replies, list) or not all(isinstance(reply, str) for reply in replies):
        return None
    events = [find_event(each) for each in raised] if isinstance(raised, list) else [None]
    if None in events:
        return None
    return Answer(tuple(scrub(reply) for reply in replies), events=tuple(event for event in events if event))


def find_event(value: object) -> tuple[str, Mapping[str, Any]] | None:
    """The event in a value: its name and its data, without any secret; None if it is not an event."""
    if not isinstance(value, dict) or not value.keys() <= {"name", "data"}:
        return None
    name, data = value.get("name"), value.get("data", {})
    return (name, _scrub_all(data)) if isinstance(name, str) and isinstance(data, dict) else None


def _scrub_all(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(name): _scrub_all(item) for name, item in value.items()}
    return [_scrub_all(item) for item in value] if isinstance(value, list) else value


def parse(text: bytes) -> object:
    """JSON as a value; None if it is not JSON."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def read(text: bytes, who: str, hint: str) -> Answer:
    """The answer in a text.

    Args:
        text: JSON.
        who: The responder, for messages.
        hint: What the responder's author can do.

    Raises:
        ResponderFailed: It is not an answer.
    """
    answer = find_answer(parse(text))
    if answer is None:
        raise ResponderFailed(f"{who} answered {excerpt(text)}, which is no {FORM}", hint=hint)
    return answer


def excerpt(text: bytes, most: int = 100) -> str:
    """The beginning of an answer, on one line, without secrets."""
    return cut(scrub(" ".join(strip_controls(text[: 4 * most].decode(errors="replace")).split())), most)
