"""Text of others as a terminal may get it: without control sequences, and without secrets.

What viewers, the platform and answers bring in may hold sequences that move the cursor, colour the screen, set the
title or write into the clipboard.
"""

from __future__ import annotations

import re

from retake_flow.redact import scrub

_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d|\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and the like
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
# All controls but the line break, what turns the direction of writing, and halves of characters, which have no UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def text(value: str) -> str:
    """A text of any number of lines."""
    if value.isascii() and value.isprintable():
        return scrub(value)
    lines = _SEQUENCE.sub("", value.replace("\t", " ")).splitlines()
    return scrub("\n".join(_UNPRINTABLE.sub("", line) for line in lines))


def line(value: str) -> str:
    """A text on one line, so that none of it can look like a line of ours."""
    return " ".join(text(value).split())
