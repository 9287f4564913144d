"""Printable text: makes text of others safe for a terminal, without control sequences and secrets."""

from __future__ import annotations

from retake_flow.redact import scrub
from retake_flow.sanitize import strip_controls


def text(value: str) -> str:
    """A text of any number of lines."""
    return scrub(strip_controls(value))


def line(value: str) -> str:
    """A text on one line, so that it cannot imitate a line of the program."""
    return " ".join(text(value).split())
