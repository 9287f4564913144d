"""docs/language.md is the reference of the language: each key is explained, and shown in an example that is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retake_flow.flow.schema import flow
from retake_flow.flow.text import yaml_source

REFERENCE = Path(__file__).parents[3] / "docs" / "language.md"
TEXT = REFERENCE.read_text(encoding="utf-8")
_BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
EXAMPLES = [block for block in _BLOCKS if re.search(r"^(flow|extends):", block, re.M)]
SCHEMA = flow.schema()


def _pieces(node: Any) -> Iterator[dict[str, Any]]:
    """A piece of the schema and what it refers to and branches into, as far as that is about the same value."""
    if "$ref" in node:
        yield from _pieces(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
        return
    yield node
    for key in ("if", "then", "else"):
        if isinstance(node.get(key), dict):
            yield from _pieces(node[key])
    for key in ("allOf", "anyOf", "oneOf"):
        for branch in node.get(key, []):
            yield from _pieces(branch)


def _shown(node: Any, data: Any) -> Iterator[str]:
    """The descriptions of the keys that a piece of data has; in an overlay a key is described as anywhere."""
    for piece in _pieces(node):
        for key, value in data.items() if isinstance(data, dict) else ():
            declared = piece.get("properties", {}).get(key)
            if isinstance(declared, dict) and declared.get("description"):
                yield declared["description"]
            if isinstance(declared, dict):
                yield from _shown(declared, value)
            elif isinstance(piece.get("additionalProperties"), dict):
                yield from _shown(piece["additionalProperties"], value)
        for item in data if isinstance(data, list) and isinstance(piece.get("items"), dict) else ():
            yield from _shown(piece["items"], item)


def _declared(node: Any, path: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    """Every key that the schema describes, with its description."""
    if not isinstance(node, dict) or id(node) in seen:
        return
    seen.add(id(node))
    for key, value in node.get("properties", {}).items():
        if isinstance(value, dict) and value.get("description"):
            yield f"{path}{key}", value["description"]
    for key, value in node.items():
        below = value.items() if key in ("properties", "$defs") else [(key, value)]
        for name, piece in below:
            for each in piece if isinstance(piece, list) else [piece]:
                yield from _declared(each, f"{path}{name}." if key in ("properties", "$defs") else path, seen)


KEYS = dict(_declared(SCHEMA, "", set()))


def test_each_key_is_explained() -> None:
    """The name of each key stands in the text as code."""
    code = " ".join(re.findall(r"`[^`\n]*`", TEXT))
    missing = [key for key in KEYS if not re.search(rf"\b{re.escape(key.rpartition('.')[2])}\b", code)]
    assert missing == []


def test_each_key_is_shown_in_an_example() -> None:
    """A key without an example would be guessed at."""
    shown = {each for example in EXAMPLES for each in _shown(SCHEMA, yaml_source.parse(example, "example").data)}
    missing = [key for key, declared in KEYS.items() if declared not in shown]
    assert missing == []
