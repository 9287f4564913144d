"""Removes control characters and terminal escape sequences from untrusted text.

Text from viewers, programs, the platform and answers could move the cursor, colour the screen, set the title, write
to the clipboard, or reverse the direction of text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Patterns are compiled when first used: most texts need none.
_SEQUENCE = (
    r"(?:\x1b\]|\x9d|\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS and the like
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # the rest
)
# All control characters except line breaks, characters that change text direction, and surrogates, which have no UTF-8.
_UNPRINTABLE = r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"


def one_line(value: str) -> str:
    """The sanitized text on one line, for example to show a file name, which may contain any character."""
    return value if value.isascii() and value.isprintable() else " ".join(strip_controls(value).splitlines())


def cut(value: str, longest: int = 60) -> str:
    """The text, or the beginning of a longer one with an ellipsis, of so many characters."""
    return value if len(value) <= longest else f"{value[: longest - 1]}…"


def strip_controls(value: str) -> str:
    """The sanitized text; line breaks become line feeds, and tabs become spaces."""
    if value.isascii() and value.isprintable():
        return value
    lines = re.sub(_SEQUENCE, "", value.replace("\t", " ")).splitlines()
    return "\n".join(re.sub(_UNPRINTABLE, "", line) for line in lines)


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def unescape_html(value: str) -> str:
    """The text with its HTML entities replaced by their characters."""
    if "&" not in value:
        return value
    from html import unescape  # the table of entities is large, and few texts have any

    return unescape(value)


#: Characters that expand to whole sentences, which would make a text many times as long.
_SENTENCES: Final = dict.fromkeys((0xFDFA, 0xFDFB))


def compatible(value: str) -> str:
    """The text in lower case, without differences of form such as width, ligatures and circles."""
    return unicodedata.normalize("NFKC", value.translate(_SENTENCES)).casefold()
