"""What those who answer chat give back, read strictly: replies, or nothing of it."""

from __future__ import annotations

from typing import Final

from retake_flow.api.responses import parse_json
from retake_flow.errors import ResponderFailed
from retake_flow.ports.responders import Answer
from retake_flow.redact import scrub
from retake_flow.sanitize import stripped

#: The longest answer that is read, in bytes.
LONGEST: Final = 64 * 1024
FORM: Final = '{"replies": ["…"]}'


def of(value: object) -> Answer | None:
    """The answer that a value is, without any secret of ours; None when it is none."""
    replies = value.get("replies") if isinstance(value, dict) else None
    if isinstance(replies, list) and all(isinstance(reply, str) for reply in replies):
        return Answer(tuple(scrub(reply) for reply in replies))
    return None


def parsed(text: bytes) -> object:
    """JSON as a value; None when it is none."""
    try:
        return parse_json(text)
    except ValueError:
        return None


def read(text: bytes, who: str, hint: str) -> Answer:
    """The answer that a text is.

    Args:
        text: JSON.
        who: Who gave it, for messages.
        hint: What whoever wrote that can do.

    Raises:
        ResponderFailed: It is none.
    """
    answer = of(parsed(text))
    if answer is None:
        raise ResponderFailed(f"{who} answered {shown(text)}, which is no {FORM}", hint=hint)
    return answer


def shown(text: bytes, most: int = 100) -> str:
    """The beginning of what was given, on one line, without secrets."""
    words = scrub(" ".join(stripped(text[: 4 * most].decode(errors="replace")).split()))
    return words if len(words) <= most else f"{words[:most]}…"
