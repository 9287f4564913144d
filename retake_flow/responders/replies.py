"""Replies: reads a responder's answer strictly, as a whole or not at all."""

from __future__ import annotations

from typing import Final

from retake_flow.api.responses import parse_json
from retake_flow.errors import ResponderFailed
from retake_flow.ports.responders import Answer
from retake_flow.redact import scrub
from retake_flow.sanitize import strip_controls

#: The longest answer that is read, in bytes.
LONGEST: Final = 64 * 1024
FORM: Final = '{"replies": ["…"]}'


def find_answer(value: object) -> Answer | None:
    """The answer in a value, without any secret; None if it is not an answer."""
    replies = value.get("replies") if isinstance(value, dict) else None
    if isinstance(replies, list) and all(isinstance(reply, str) for reply in replies):
        return Answer(tuple(scrub(reply) for reply in replies))
    return None


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
    words = scrub(" ".join(strip_controls(text[: 4 * most].decode(errors="replace")).split()))
    return words if len(words) <= most else f"{words[:most]}…"
