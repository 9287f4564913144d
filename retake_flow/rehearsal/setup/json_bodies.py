"""Parsing JSON so that every value can be stored, shown and sent again."""

from __future__ import annotations

import json


def parse(content: bytes | str) -> object:
    """A JSON value without lone surrogates.

    Raises:
        ValueError: The text is not JSON, has a number that JSON does not allow, or is nested too deeply.
    """
    try:
        value: object = json.loads(content, parse_constant=_refuse, parse_float=_finite)
        return _whole(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _whole(value: object) -> object:
    """The value with U+FFFD for each lone surrogate, as most programs do."""
    written = json.dumps(value, ensure_ascii=False)
    whole = written.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value if whole == written else json.loads(whole)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is no JSON")
