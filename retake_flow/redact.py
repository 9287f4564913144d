"""Keeps access tokens and stream keys out of everything that a person or a program may read."""

from __future__ import annotations

import re
import sys
from base64 import b32encode, b64encode
from collections.abc import Container, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from retake_flow.errors import SecretRefused
from retake_flow.sanitize import compatible

MASK = "•••"
TOKEN_PREFIX = "rtk_"  #: The prefix of retake.tv access tokens.

# Every value ever wrapped in this process. There is one set for all, so that no secret needs to be registered with the
# code that prints: calling `scrub` before printing is enough.
_seen: set[str] = set()

# The form of retake.tv's secrets, for texts with one that we never wrapped (another program's output).
_LOOKS_SECRET = re.compile(r"\b(?:rtk|sk)_[A-Za-z0-9_\-]{6,}")


#: Secrets of at least this length are searched for, also in encoded forms; shorter ones are ordinary words.
_SHORTEST, _SHORTEST_SQUEEZED = 6, 8
_BETWEEN = re.compile(r"[\W_]+")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))"
)


class Secret:
    """A text that shows itself as `•••` wherever it is printed, formatted or logged.

    Only `reveal()` gives the value, so each place that needs it is easy to find.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= 4:  # a shorter one would mask ordinary words
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


def hide(values: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """Values by name, with the texts that have one of some names wrapped."""
    return {
        name: Secret(value) if name in names and isinstance(value, str) else value for name, value in values.items()
    }


def bears_secret(text: str) -> bool:
    """Whether a text contains a wrapped secret: as it is, split by blanks or punctuation, or encoded.

    It detects percent-encoding, character references, backslash escapes, base64, base32, hexadecimal and reversed text:
    one of them, also inside percent-encoding.
    """
    if not _seen:
        return False
    from html import unescape  # imported here, since most commands send nothing

    shapes = {text, unquote_plus(unquote_plus(text)), unescape(text), _unescape(text)}
    squeezed = {_squeeze(shape) for shape in shapes}
    return any(
        any(value in shape for shape in shapes if len(value) >= _SHORTEST)
        or any(code in shape for code in _codes(value) for shape in squeezed)
        for value in tuple(_seen)  # another thread may wrap more meanwhile
    )


def require_no_secret(where: str, *texts: str) -> None:
    """Require that texts for people or external services contain no secret known to this process.

    Args:
        where: Their destination, as the subject of a sentence: `the chat message`.
        texts: The texts.

    Raises:
        SecretRefused: One of them contains a secret, as `bears_secret` finds it.
    """
    if any(map(bears_secret, texts)):
        raise SecretRefused(f"{where} contains a secret, so it was not sent")


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_escaped_character, text)


def _escaped_character(found: re.Match[str]) -> str:
    digits = next(filter(None, found.groups()))
    code = int(digits, 8 if found[5] else 16)
    return chr(code) if code <= sys.maxunicode else found[0]


def _squeeze(text: str) -> str:
    """The text in lower case without the characters that can separate those of a code."""
    return _BETWEEN.sub("", compatible(text))


@lru_cache(maxsize=1_000)
def _codes(value: str) -> tuple[str, ...]:
    """The squeezed forms of a secret, plain and encoded, without ends that depend on the surrounding text."""
    raw = value.encode("utf-8", "surrogatepass")
    plain = _squeeze(value)
    codes = [plain, plain[::-1]] if len(plain) >= _SHORTEST_SQUEEZED else []
    if len(raw) >= _SHORTEST_SQUEEZED:
        codes.append(raw.hex())
        for shift in range(5):
            # Both encode groups of bytes: the first characters depend on the text before, the last on the text after.
            shifted = b"\0" * shift + raw
            if shift < 3:
                codes.append(_squeeze(b64encode(shifted).decode().rstrip("=")[(8 * shift + 5) // 6 : -1]))
            codes.append(_squeeze(b32encode(shifted).decode().rstrip("=")[(8 * shift + 4) // 5 : -1]))
    return tuple(codes)


def scrub(text: str) -> str:
    """Replace every secret in `text`: all values ever wrapped, and anything that looks like one."""
    for value in sorted(_seen, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _LOOKS_SECRET.sub(MASK, text)
