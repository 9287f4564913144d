"""Spelling: compares names and texts that are the same but written differently."""

from __future__ import annotations

import re
import unicodedata

from retake_flow.sanitize import compatible, unescape_html

#: A text that is displayed shorter or longer than it was sent is recognised by this many letters and digits.
CUT = 40
#: A shorter text is recognised if at most this many letters precede it, and it has at least this many.
BEFORE = 12
_NEITHER = re.compile(r"[\W_]+")


def same_name(one: str, other: str) -> bool:
    """Whether two names are spellings of one: `Night Owl`, `night-owl`, `@NIGHT_OWL` and `nightowl` are."""
    return bool(one) and bool(other) and name_key(one) == name_key(other)


def name_key(name: str) -> str:
    """The key that all spellings of a name share: its letters and digits, ignoring case, width and accent encoding.

    Invisible characters are kept: only an impostor puts them into a name.
    """
    unseen = "".join(sign for sign in name if unicodedata.category(sign) == "Cf")
    return (_letters(name) or name.strip().casefold()) + unseen


def same_words(sent: str, seen: str) -> bool:
    """Whether a displayed text is the sent one, even if escaped, cut off, or with text added around it."""
    return Words(sent).are_seen_in(Words(seen))


class Words:
    """A text reduced to the parts that stay the same however it is displayed."""

    __slots__ = ("letters", "plain")

    def __init__(self, text: str) -> None:
        self.plain = " ".join(text.split())
        self.letters = _letters(unescape_html(text))

    def are_seen_in(self, seen: Words) -> bool:
        """Whether a displayed text is this one, even if escaped, cut off, or with something added around it."""
        if self.plain == seen.plain:
            return bool(self.plain)
        one, other = self.letters, seen.letters
        if one == other:
            return bool(one)
        if len(other) < len(one):
            return len(other) >= CUT and one.startswith(other)
        tagged = other.endswith(one) and len(other) - len(one) <= BEFORE <= len(one)
        return tagged or (len(one) >= CUT and one in other)


def _letters(text: str) -> str:
    return _NEITHER.sub("", compatible(text))
