"""Writes the data of a flow as YAML, line by line, each with the path of its content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from retake_flow.flow.text.tree import Path

_PLAIN = re.compile(
    r"(?:\.{0,2}/)*[A-Za-z][A-Za-z0-9_]*(?:[ ./+-]{1,2}[A-Za-z0-9_]+)*|(?:\d+(?:ms|[smhdw]))+|[1-9]\d+x\d+"
)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
#: Characters that YAML does not allow or a terminal obeys (retake_flow/sanitize.py); they are written as escapes.
_UNPRINTABLE = re.compile(
    "[^\x20-\x7e\xa0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        path: The path of its content; None if it continues the text of the line before.
    """

    text: str
    path: Path | None


def write(data: Any) -> list[Line]:
    """The lines of a mapping, which as YAML give the same data."""
    return list(_lines(data, (), ""))


def _lines(value: Any, path: Path, indent: str) -> Iterator[Line]:
    """The lines of a non-empty value, each with the indentation."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{indent}{inline(str(key))}:", item, (*path, key), indent)
        return
    for index, item in enumerate(value):
        at = (*path, index)
        if not (isinstance(item, dict | list) and item):
            yield from _entry(f"{indent}-", item, at, indent)
            continue
        first, *rest = _lines(item, at, indent + "  ")
        yield replace(first, text=f"{indent}- {first.text[len(indent) + 2 :]}")
        yield from rest


def _entry(head: str, value: Any, path: Path, indent: str) -> Iterator[Line]:
    if isinstance(value, dict | list) and value:
        yield Line(head, path)
        yield from _lines(value, path, indent + "  ")
    elif isinstance(value, str) and _block(value):
        yield Line(f"{head} {'|' if value.endswith(chr(10)) else '|-'}", path)
        yield from (Line(f"{indent}  {line}" if line else "", None) for line in value.removesuffix("\n").split("\n"))
    else:
        yield Line(f"{head} {inline(value)}", path)


def _block(text: str) -> bool:
    """Whether a text reads better on several lines and can be written that way."""
    lines = text.split("\n")
    written = not text.startswith((" ", "\n", "\t")) and not text.endswith("\n\n") and "\r" not in text
    return len(lines) > 1 and lines[0] != "" and written and _UNPRINTABLE.search(text.replace("\n", "")) is None


def inline(value: Any) -> str:
    """A scalar or empty value on one line, as YAML."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _UNPRINTABLE.sub(_escape, json.dumps(value, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
