"""Values that people give by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.flow.fields import Reading, flaw, is_required, mismatch, read
from retake_flow.redact import Secret

FIELDS: dict[str, dict[str, Any]] = {
    "url": {"type": "string", "pattern": "^https://"},
    "tries": {"type": "integer", "default": 3},
    "why": {"type": "string", "optional": True},
}


def test_what_was_given_is_read_and_the_rest_has_its_default() -> None:
    """A default fills in, an optional one that is left out is None, and nothing is wrong."""
    assert read(FIELDS, {"url": "https://x"}) == Reading({"url": "https://x", "tries": 3, "why": None})
    assert read(FIELDS, {"url": "https://x", "tries": "5", "why": "so"}).values == {
        "url": "https://x",
        "tries": 5,
        "why": "so",
    }


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "string", "maxLength": 300}, "y" * 301,
         f"'{'y' * 58}… has 301 characters, and there must be at most 300"),
        ({"type": "string", "minLength": 3}, "ab", "'ab' has 2 characters, and there must be at least 3"),
        ({"type": "string", "minLength": 1}, "", "it must not be empty"),
        ({"type": "integer"}, "z" * 5_000, f"'{'z' * 58}… is not of type 'integer'"),
        ({"type": "string", "pattern": "^a$"}, "z" * 5_000, f"'{'z' * 58}… does not match the pattern ^a$"),
        ({"type": "array", "minItems": 1}, [], "there are 0 entries, and there must be at least 1"),
        ({"type": "array", "items": {"type": "string", "maxLength": 2}}, ["abc"],
         "'abc' has 3 characters, and there must be at most 2"),
    ],
)  # fmt: skip
def test_a_limit_is_named_and_a_long_value_is_cut(schema: dict[str, Any], value: Any, said: str) -> None:
    """Who has written a page is not shown the page."""
    assert mismatch(value, schema) == f"does not fit: {said}"


def test_all_that_is_wrong_is_found_at_once() -> None:
    """Unknown, missing and unfit names are told together."""
    found = read(FIELDS, {"ulr": "x", "tries": "many"})
    assert found.unknown == {"ulr": "did you mean 'url'?"}
    assert found.missing == ["url"]
    assert found.unfit == {"tries": "does not fit: 'many' is not of type 'integer'"}


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("string", "3", "3"),
        ("string", "true", "true"),
        ("integer", "3", 3),
        ("number", "2.5", 2.5),
        ("boolean", "true", True),
        ("array", '["a", 1]', ["a", 1]),
        ("object", '{"a": 1}', {"a": 1}),
        ("integer", 3, 3),
        ("array", ["a"], ["a"]),
    ],
)
def test_texts_are_read_as_the_declared_type(kind: str, written: Any, value: Any) -> None:
    """On a command line all is text: what is declared as something else is read as JSON."""
    assert read({"x": {"type": kind}}, {"x": written}) == Reading({"x": value})


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("integer", "3.5"),
        ("integer", "true"),
        ("integer", ""),
        ("number", "NaN"),
        ("number", "Infinity"),
        ("number", "-Infinity"),
        ("boolean", "yes"),
        ("array", "a, b"),
        ("object", "[]"),
        ("array", "[" * 100_000),
        ("string", 3),
        ("string", None),
    ],
)
def test_what_is_not_of_the_declared_type_does_not_fit(kind: str, written: Any) -> None:
    """Nothing is guessed, and no number is none."""
    assert list(read({"x": {"type": kind}}, {"x": written}).unfit) == ["x"]


def test_nothing_is_a_value_only_where_it_may_be_left_out() -> None:
    """`null` stands for one that was left out, which has its default; one that is needed has to be there."""
    left_out = {"url": "https://x", "tries": 3, "why": None}
    assert read(FIELDS, {"url": "https://x", "tries": None, "why": None}) == Reading(left_out)
    assert read(FIELDS, {"url": "https://x", "tries": "null"}) == Reading(left_out)
    assert list(read(FIELDS, {"url": None}).unfit) == ["url"]


@pytest.mark.parametrize(
    ("schema", "needed"),
    [({}, True), ({"default": None}, False), ({"optional": True}, False), ({"optional": False}, True)],
)
def test_what_has_neither_a_default_nor_leave_is_needed(schema: dict[str, Any], needed: bool) -> None:
    """A default of nothing is a default too."""
    assert is_required(schema) is needed


def test_formats_of_ours_are_held_against_values() -> None:
    """`duration` and `post` are checked, and say in words what they want; other formats are nothing to us."""
    assert mismatch("2h", {"type": "string", "format": "duration"}) == ""
    assert mismatch(90, {"type": "string", "format": "duration"}) == ""
    assert "not a duration" in mismatch("soon", {"type": "string", "format": "duration"})
    assert mismatch("https://x.com/owl/status/20", {"type": "string", "format": "post"}) == ""
    assert "the address of an example" in mismatch("https://x.com/username/status/20", {"format": "post"})
    assert mismatch("x", {"type": "string", "format": "email"}) == ""


def test_an_object_has_what_its_schema_requires() -> None:
    """`required` as a list is JSON Schema's own word and holds; as a truth value it is ours."""
    schema = {"type": "object", "required": ["command"]}
    assert mismatch({}, schema) == "does not fit: 'command' is a required property"
    assert mismatch({"command": 1}, schema) == ""
    assert mismatch({}, {"type": "object", "required": True}) == ""


@pytest.mark.parametrize(("value", "said"), [
    ([], "does not fit: there are 0 entries, and there must be at least 1"),
    (["a"], ""),
    (["a", "b", "c"], "does not fit: there are 3 entries, and there must be at most 2"),
])  # fmt: skip
def test_lists_have_as_many_entries_as_they_may(value: list[str], said: str) -> None:
    """How many there are and how many there may be is said, not the entries."""
    assert mismatch(value, {"type": "array", "minItems": 1, "maxItems": 2}) == said


def test_words_of_ours_are_none_of_json_schema() -> None:
    """A schema with `secret` and `optional` is one; one with a `$ref` that leads nowhere or a wrong type is told."""
    assert flaw({"type": "string", "secret": True, "optional": True, "default": 3, "format": "post"}) == ""
    assert "has an invalid schema" in flaw({"type": "strnig"})
    assert mismatch(1, {"$ref": "http://127.0.0.1:9/x"}) == "has a schema with a `$ref` that leads nowhere"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_kinds = st.sampled_from(["string", "integer", "number", "boolean", "array", "object"])
_schemas = st.fixed_dictionaries({"type": _kinds}, optional={"optional": st.booleans(), "default": _json,
                                 "format": st.sampled_from(["post", "duration", "x"])})  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), _schemas), st.dictionaries(st.sampled_from("abcd"), _json))
def test_each_name_has_a_value_or_a_reason(declared: dict[str, Any], values: dict[str, Any]) -> None:
    """Whatever is given, every declared name is read, missing or unfit, and every other one is unknown."""
    found = read(declared, values)
    assert set(found.unknown) == set(values) - set(declared)
    assert set(found.values) | set(found.missing) == set(declared)
    assert set(found.unfit) <= set(values)
    for name, value in found.values.items():
        given_one = values.get(name) not in (None, "null")
        if given_one and name not in found.unfit and "format" not in declared[name]:
            assert _of(declared[name]["type"], value)


def _of(kind: str, value: Any) -> bool:
    if kind in ("integer", "number"):  # 3.0 is a whole number of JSON Schema
        return isinstance(value, int | float) and not isinstance(value, bool)
    types = {"string": str, "boolean": bool, "array": list, "object": dict}
    return isinstance(value, types[kind])


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "minLength": 3}, Secret("hunter2")),
        ({"type": "integer"}, Secret("8642097531")),
        ({"type": "string", "format": "duration"}, Secret("3m")),
        ({"type": "object", "properties": {"pin": {"type": "string"}}}, {"pin": Secret("12")}),
        ({"type": "array", "items": {"type": "string"}}, [Secret("12"), "x"]),
    ],
)
def test_a_secret_is_checked_by_its_value_and_stays_secret(schema: dict[str, Any], value: Any) -> None:
    """What is read is the very secret that was given, at any depth."""
    found = read({"x": schema}, {"x": value})
    assert found == Reading({"x": value})
    assert found.values["x"] is value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "minLength": 9}, Secret("pw7")),
        ({"type": "integer"}, Secret("pw7")),
        ({"type": "string", "format": "duration"}, Secret("pw7")),
        ({"type": "string", "format": "post"}, Secret("pw7")),
        ({"type": "array", "items": {"type": "integer"}}, [Secret("pw7")]),
        ({"type": "object", "maxProperties": 0}, {"a": {"b": Secret("pw7")}}),
    ],
)
def test_what_is_wrong_with_a_secret_does_not_show_it(schema: dict[str, Any], value: Any) -> None:
    """That it does not fit is told, not what it is, even where it is too short to be masked everywhere."""
    found = read({"x": schema}, {"x": value})
    assert found.unfit["x"].startswith("does not fit")
    assert "pw7" not in repr(found)


def test_a_schema_may_have_words_of_its_own() -> None:
    """What a schema says of a mistake (`errorMessage`) goes before the words for its keyword."""
    schema = {"type": "string", "pattern": "^whsec_", "errorMessage": "a key begins with whsec_"}
    assert mismatch("owl", schema) == "does not fit: a key begins with whsec_"
    assert mismatch("whsec_a", schema) == ""
