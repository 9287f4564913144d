"""JSON as it comes in, so that everything in it can be kept, shown and sent again."""

from __future__ import annotations

import json


def parse(content: bytes | str) -> object:
    """A JSON value without halves of characters.

    Raises:
        ValueError: It is no JSON, holds a number that JSON does not know, or is nested too deeply.
    """
    try:
        value: object = json.loads(content, parse_constant=_refuse, parse_float=_finite)
        return _whole(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _whole(value: object) -> object:
    """A value in which U+FFFD stands for each half of a character, as in most programs that are given one."""
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
