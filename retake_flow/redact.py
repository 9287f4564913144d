"""Keep access tokens and stream keys out of everything a person or a program may read."""

from __future__ import annotations

import re

MASK = "•••"

# Every value that was ever wrapped in this process. One set for all, so that nobody can forget to register a
# secret with the place that prints it: whoever prints calls `scrub`, and that is enough.
_seen: set[str] = set()

# What retake.tv's secrets look like, for texts that hold one we never wrapped (a foreign program's output).
_LOOKS_SECRET = re.compile(r"\b(?:rtk|sk)_[A-Za-z0-9_\-]{6,}")


class Secret:
    """A text that shows itself as `•••` wherever it is printed, formatted or logged.

    The value leaves only by `reveal()`, which makes each place that needs it easy to find.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= 4:  # a shorter one would blank out ordinary words
            _seen.add(value)

    def reveal(self) -> str:
        """The secret text itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled")


def scrub(text: str) -> str:
    """Replace every secret in `text`: all values ever wrapped, and whatever looks like one."""
    for value in sorted(_seen, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _LOOKS_SECRET.sub(MASK, text)
