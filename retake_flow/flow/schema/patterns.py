"""Regular expressions written by authors, applied in time that grows only with the text.

Python's own engine may take practically forever for `^(a+)+$` on thirty characters. RE2 never does, and so supports
neither lookarounds nor backreferences; patterns that it does not support are refused before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from retake_flow.flow.schema.builders import VARIABLE
from retake_flow.quick_dataclasses import dataclass
from retake_flow.sanitize import cut

_LONGEST = 2_000  # characters of a pattern
_LARGEST = 10_000  # instructions of RE2; `\S{1,500}` has about 500
#: The most instructions times characters, in case the engine has to examine every pair: about a second.
_MOST_WORK = 10_000_000

_SPECIAL = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|.)|\[\^?\]?|\]", re.DOTALL)
_BLANKS = r"\s\x0b\x1c-\x1f\x{85}\p{Z}"
_BEYOND = (
    ("(?=", "a lookahead"),
    ("(?!", "a lookahead"),
    ("(?<=", "a lookbehind"),
    ("(?<!", "a lookbehind"),
    ("(?P=", "a backreference"),
    ("(?>", "an atomic group"),
    ("(?(", "a condition"),
)


class PatternError(ValueError):
    """A pattern that cannot be applied; its text says why, and is part of a sentence."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A compiled pattern; its size is in instructions."""

    search: Callable[[str], object | None]
    size: int


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text.

    Raises:
        PatternError: The pattern is invalid, or the text is too long for it.
    """
    compiled = _compile(pattern)
    if compiled.size * len(text) > _MOST_WORK:
        raise PatternError(f"a text of {len(text)} characters is too long for the pattern {cut(pattern)}")
    # Lone surrogates have no UTF-8 form.
    return compiled.search(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")) is not None


def require(pattern: str) -> None:
    """Require that a pattern can be applied.

    Raises:
        PatternError: It cannot.
    """
    _compile(pattern)


@lru_cache(maxsize=256)
def _compile(pattern: str) -> _Compiled:
    if pattern == VARIABLE:  # our own, with a cheap lookahead
        return _Compiled(re.compile(pattern).search, 0)
    if len(pattern) > _LONGEST:
        raise PatternError(f"the pattern is longer than {_LONGEST} characters")
    import re2

    beyond = next((name for sign, name in _BEYOND if sign in pattern), "")
    try:
        compiled = re2.compile(_translate(pattern), _options())
    except UnicodeEncodeError:
        raise PatternError("the pattern holds half a character") from None
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        if not beyond and re.search(r"\\[1-9]", pattern):
            beyond = "a backreference"
        why = f"{beyond} is not allowed, since it may take for ever" if beyond else reason
        raise PatternError(f"the pattern {cut(pattern)} cannot be used: {why}") from None
    if compiled.programsize > _LARGEST:
        raise PatternError(f"the pattern {cut(pattern)} is too large: write fewer or smaller repetitions")
    return _Compiled(compiled.search, compiled.programsize)


def _translate(pattern: str) -> str:
    r"""A pattern in RE2 syntax: without \u0041 and \Z, and with \s for the white space of all scripts."""
    within = False  # inside a character class

    def put(found: re.Match[str]) -> str:
        nonlocal within
        text = found[0]
        if text[0] == "[":
            within, text = True, (text if not within else "\\[")
        elif text == "]":
            within = False
        elif found[1]:
            text = f"\\x{{{found[1]}}}"
        elif text == r"\Z":
            text = r"\z"
        elif text == r"\s":
            text = _BLANKS if within else f"[{_BLANKS}]"
        elif text == r"\S" and not within:
            text = f"[^{_BLANKS}]"
        return text

    return _SPECIAL.sub(put, pattern)


@cache
def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return options
