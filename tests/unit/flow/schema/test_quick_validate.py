"""The quick answer whether data fits a schema: never yes where jsonschema says no, and yes for what people write."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.schema import flow as schema
from retake_flow.flow.schema import quick_validate
from retake_flow.flow.text import yaml_source

FLOWS = sorted((Path(__file__).parents[4] / "flows").glob("*.yaml"))
SCHEMA = schema.schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def _data(path: Path) -> Any:
    return yaml_source.parse(path.read_text(encoding="utf-8"), path.name).data


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.name)
def test_what_ships_fits(path: Path) -> None:
    """For good flows the quick answer is enough."""
    assert quick_validate.checker(SCHEMA)(_data(path))


def _places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in pairs:
        found += _places(item, (*path, key))
    return found


_VALUES = st.sampled_from(
    [None, True, 0, -1, 1.0, 1.5, "", "a", "a/b", "{{ x }}", "30s", [], {}, {"do": "a.b"}, {"to": "x"}, ["a"], [{}]]
)


@settings(max_examples=150)
@given(data=st.data())
def test_it_says_what_jsonschema_says(data: st.DataObject) -> None:
    """Of flows with something cut out, put in or exchanged, both say the same."""
    flow = copy.deepcopy(_data(data.draw(st.sampled_from(FLOWS))))
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(flow)
        *way, last = data.draw(st.sampled_from(places))
        owner = flow
        for step in way:
            owner = owner[step]
        match data.draw(st.sampled_from(["cut", "exchange", "add"])):
            case "cut":
                del owner[last]
            case "exchange":
                owner[last] = copy.deepcopy(data.draw(_VALUES))
            case "add" if isinstance(owner, dict):
                owner[data.draw(st.sampled_from(["do", "to", "final", "when", "x", "Y", "initial"]))] = data.draw(
                    _VALUES
                )
    assert quick_validate.checker(SCHEMA)(flow) == VALIDATOR.is_valid(flow)


_PIECES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "null", ["string", "null"], "x", 3]),
        "enum": st.sampled_from([["a", 1], [True], [1], [0, False], [[1]], "a"]),
        "pattern": st.sampled_from(["^a", "b$", "(", 1]),
        "minLength": st.sampled_from([0, 2, -1, 1.5, True]),
        "maxLength": st.sampled_from([0, 2]),
        "minItems": st.sampled_from([0, 1, -1]),
        "maxItems": st.sampled_from([0, 1, "1"]),
        "minimum": st.sampled_from([0, 1.5, "1"]),
        "maximum": st.sampled_from([1, 10]),
        "multipleOf": st.sampled_from([2]),
        "items": st.sampled_from([{"type": "string"}, {"oneOf": []}]),
        "$ref": st.sampled_from(["#/$defs/x", "https://example.com/x"]),
    },
)


@settings(max_examples=250)
@given(_PIECES, st.sampled_from([None, True, False, 0, 1, 2, 1.0, 1.5, 99, "", "a", "abc", [], ["a"], [1], {}]))
def test_it_never_says_yes_too_much(piece: dict[str, Any], value: Any) -> None:
    """A schema that is none, or that has more in it than is known here, is left to jsonschema."""
    if quick_validate.fits(piece, value):
        Draft202012Validator.check_schema(piece)
        assert Draft202012Validator(piece).is_valid(value)
    if quick_validate.is_sound(piece):
        Draft202012Validator.check_schema(piece)


def test_it_knows_the_schemas_of_all_actions() -> None:
    """What actions declare needs no more than this; `uniqueItems` and keywords of our own are left to jsonschema."""
    pieces = [piece for spec in CATALOGUE.values() for piece in (*spec.inputs.values(), *spec.result.values())]
    beyond = ("format", "uniqueItems", "fixed")
    bare = [{key: value for key, value in piece.items() if key not in beyond} for piece in pieces]
    assert [piece for piece in bare if not quick_validate.is_sound(piece)] == []


def test_a_piece_may_hold_itself() -> None:
    """As the states of a flow hold states."""
    tree = {
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}}},
    }
    assert quick_validate.fits(tree, {"a": {"b": {}}})
    assert not quick_validate.fits(tree, {"a": {"b": 1}})
