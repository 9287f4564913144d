"""Patterns of authors, which may be meant badly."""

from __future__ import annotations

import time
from typing import Any

import pytest

from retake_flow.flow.fields import flaw, mismatch, read
from retake_flow.flow.load.load import load
from retake_flow.flow.schema.patterns import PatternError, matches, require

#: Python's own engine would take longer than anybody lives for each of these.
EXPONENTIAL = ("^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]$", "^(.*)*$b", "^(a?){30}a{30}b$")
BAIT = "a" * 60 + "x" * 60 + "!"


def in_time(started: float) -> bool:
    """Generous: the machine may be slow. Backtracking would take years."""
    return time.monotonic() - started < 60


@pytest.mark.parametrize("pattern", EXPONENTIAL)
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (lambda p: {"type": "string", "pattern": p}, BAIT),
        (lambda p: {"type": "array", "items": {"type": "string", "pattern": p}}, [BAIT]),
        (lambda p: {"type": "array", "items": {"anyOf": [{"pattern": p}]}}, [BAIT]),
        (lambda p: {"type": "object", "patternProperties": {p: {"type": "null"}}}, {BAIT: 1}),
        (lambda p: {"type": "object", "propertyNames": {"pattern": p}}, {BAIT: 1}),
        (lambda p: {"patternProperties": {p: {}}, "additionalProperties": False}, {BAIT: 1}),
        (lambda p: {"not": {"not": {"pattern": p}}}, BAIT),
    ],
)  # fmt: skip
def test_no_pattern_takes_for_ever(pattern: str, schema: Any, value: Any) -> None:
    """Wherever a schema may hold one."""
    started = time.monotonic()
    assert flaw(schema(pattern)) == ""
    mismatch(value, schema(pattern))
    assert in_time(started)


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_a_flow_with_one_is_loaded_in_no_time(pattern: str) -> None:
    """As the pattern of an input, of its default, of an item."""
    text = f"""
flow: strange
inputs:
  a: {{type: string, pattern: '{pattern}', value: {BAIT}}}
  b: {{type: array, items: {{type: string, pattern: '{pattern}'}}, value: [{BAIT}]}}
initial: end
states: {{end: {{final: completed}}}}
"""
    started = time.monotonic()
    load(text, "strange.yaml")
    assert in_time(started)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("^(?!RETAKE)a$", "a lookahead is not allowed, since it may take for ever"),
        (r"^(a*)\1b$", "a backreference is not allowed, since it may take for ever"),
        ("(?<=a)b", "a lookbehind is not allowed"),
        ("(?P<x>a+)(?P=x)", "a backreference is not allowed"),
        ("(", "missing )"),
        ("a{1001}", "invalid repetition size"),
        ("(a?){1000}" * 20, "too large"),
        ("a" * 3_000, "longer than 2000 characters"),
        ("\ud800", "half a character"),
    ],
)
def test_what_cannot_be_applied_is_refused_at_load(pattern: str, said: str) -> None:
    """With the reason; also deep inside, and behind what only jsonschema knows."""
    with pytest.raises(PatternError, match=said.replace("(", r"\(").replace(")", r"\)")):
        require(pattern)
    for schema in (
        {"pattern": pattern},
        {"anyOf": [{"pattern": pattern}]},
        {"type": "array", "items": {"oneOf": [{"pattern": pattern}]}},
        {"patternProperties": {pattern: {}}},
    ):
        assert said in flaw(schema)


def test_the_work_of_a_pattern_and_a_text_is_limited() -> None:
    """RE2 is linear in the text, but large patterns times long texts are large too."""
    assert not matches("(x+x+)+y", "x" * 100_000)
    with pytest.raises(PatternError, match="too long for the pattern"):
        matches("(a?){1000}b", "a" * 100_000)
    assert "too long for the pattern" in mismatch("a" * 100_000, {"pattern": "(a?){1000}b"})


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^\u0041$", "A", True),
        (r"^\Aab\Z", "ab", True),
        (r"^\\u0041$", r"\u0041", True),
        (r"\S", "   ", False),
        ("^.$", "\ud800", True),
        ("^🦉$", "🦉", True),
        ("a$", "a\n", False),
    ],
)
def test_patterns_mean_what_json_schema_says(pattern: str, text: str, found: bool) -> None:
    """With the escapes that people know from elsewhere."""
    assert matches(pattern, text) is found


def test_no_schema_takes_for_ever() -> None:
    """References that fan out, keywords that look at all others again and again, thousands of alternatives."""
    fan: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/items/$defs/d{n + 1}"}] * 2} for n in range(40)}
    fan["d40"] = {"type": "integer"}
    deep: dict[str, Any] = {"properties": {"a": {}}, "unevaluatedProperties": False}
    for _ in range(40):
        deep = {"allOf": [deep], "unevaluatedProperties": False}
    started = time.monotonic()
    assert "too long" in mismatch([1], {"type": "array", "items": {"$ref": "#/items/$defs/d0", "$defs": fan}})
    assert "too long" in mismatch({"a": 1}, deep)
    assert "too long" in mismatch([1] * 30_000, {"items": {"allOf": [{"type": "integer"}] * 10_000}})
    assert (
        mismatch([[n] for n in range(30_000)] + [[0]], {"uniqueItems": True}) == "does not fit: an entry appears twice"
    )
    assert mismatch("x" * 65_000, {"allOf": [{"type": "object"}] * 20_000}).startswith("does not fit: ")
    assert in_time(started)


def test_a_schema_brings_no_other_draft_along() -> None:
    """One would bring its own keywords, with Python's engine."""
    schema = {"items": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": EXPONENTIAL[0]}}
    assert "`$schema` has no place" in flaw(schema)
    assert "`$schema` has no place" in read({"a": {"type": "array", **schema}}, {"a": [BAIT]}).unfit["a"]
