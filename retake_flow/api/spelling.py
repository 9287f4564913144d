"""Spelling: when two names, or two texts, are the same though they are written differently."""

from __future__ import annotations

import re
import unicodedata
from html import unescape

from retake_flow.sanitize import compatible

#: A text that is shown shorter or longer than it was said is still known by so many letters and digits.
CUT = 40
#: A shorter one is known where only so many are put before it, and it has as many itself.
BEFORE = 12
_NEITHER = re.compile(r"[\W_]+")


def same_name(one: str, other: str) -> bool:
    """Whether two names are spellings of one: `Night Owl`, `night-owl`, `@NIGHT_OWL` and `nightowl` are."""
    return bool(one) and bool(other) and name_key(one) == name_key(other)


def name_key(name: str) -> str:
    """What is the same in all spellings of a name: its letters and digits, without case, width or accents' form.

    What cannot be seen is kept: nobody spells a name with it but who imitates one.
    """
    unseen = "".join(sign for sign in name if unicodedata.category(sign) == "Cf")
    return (_letters(name) or name.strip().casefold()) + unseen


def same_words(said: str, seen: str) -> bool:
    """Whether a text that is seen is one that was said: escaped, cut off, or with something put around it too."""
    return Words(said).are_seen_in(Words(seen))


class Words:
    """A text as far as it is the same however it is shown.

    Attributes:
        plain: The text on one line.
        letters: Its letters and digits.
    """

    __slots__ = ("letters", "plain")

    def __init__(self, text: str) -> None:
        self.plain = " ".join(text.split())
        self.letters = _letters(unescape(text) if "&" in text else text)

    def are_seen_in(self, seen: Words) -> bool:
        """Whether a text that is seen is this one: escaped, cut off, or with something put around it too."""
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
