"""Removes control characters and terminal escape sequences from untrusted text.

What viewers, programs, the platform and answers bring in may move the cursor, colour the screen, set the title, write
into the clipboard, or turn the direction of writing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d|\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and the like
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
# All controls but the line break, what turns the direction of writing, and halves of characters, which have no UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(value: str) -> str:
    """The text without them on one line, as the name of a file, which may hold any character, is to be shown."""
    return value if value.isascii() and value.isprintable() else " ".join(stripped(value).splitlines())


def stripped(value: str) -> str:
    """The text without them; line breaks stay, each as a line feed, and a tab is a space."""
    if value.isascii() and value.isprintable():
        return value
    lines = _SEQUENCE.sub("", value.replace("\t", " ")).splitlines()
    return "\n".join(_UNPRINTABLE.sub("", line) for line in lines)


#: Signs that stand for whole sentences, which would make a text many times as long.
_SENTENCES: Final = dict.fromkeys((0xFDFA, 0xFDFB))


def compatible(value: str) -> str:
    """The text in small letters and without what is only form: width, ligatures, circles."""
    return unicodedata.normalize("NFKC", value.translate(_SENTENCES)).casefold()
