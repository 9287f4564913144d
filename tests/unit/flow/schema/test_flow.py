"""The schema that ships, and the one the program uses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flow_samples import GO_LIVE
from jsonschema import Draft202012Validator

from retake_flow.actions import editor_schema
from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.schema import flow, state
from retake_flow.flow.text import yaml_source
from retake_flow.flow.text.yaml_source import parse

SHIPPED = Path(__file__).parents[4] / "schemas" / "flow.schema.json"
FLOWS = sorted(GO_LIVE.parent.glob("*.yaml"))


def _objects(node: Any) -> list[dict[str, Any]]:
    """Every schema within a schema that says which properties there are."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = [found for item in inner for found in _objects(item)]
    return [node, *found] if isinstance(node, dict) and isinstance(node.get("properties"), dict) else found


def test_the_shipped_schema_is_the_one_in_use() -> None:
    """`schemas/flow.schema.json` is what `retake-flow schema` prints."""
    printed = json.dumps(editor_schema.schema(CATALOGUE), indent=2, ensure_ascii=False) + "\n"
    assert SHIPPED.read_text(encoding="utf-8") == printed


def test_the_schema_is_valid() -> None:
    """The schema is itself a JSON Schema of draft 2020-12."""
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert shipped["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(shipped)


@pytest.mark.parametrize("file", FLOWS, ids=lambda file: file.name)
def test_each_shipped_flow_fits_the_shipped_schema(file: Path) -> None:
    """An editor that uses the shipped schema underlines nothing in a shipped flow."""
    data = yaml_source.parse(file.read_text(encoding="utf-8"), file.name).data
    assert list(Draft202012Validator(json.loads(SHIPPED.read_text(encoding="utf-8"))).iter_errors(data)) == []


@pytest.mark.parametrize("file", FLOWS, ids=lambda file: file.name)
def test_each_shipped_flow_names_the_schema(file: Path) -> None:
    """An editor finds the schema by the first line of a shipped flow."""
    first = file.read_text(encoding="utf-8").split("\n", 1)[0]
    assert (file.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve() == SHIPPED


def test_every_key_of_the_language_is_explained() -> None:
    """Each word of the language bears a description, which editors show."""
    words = [
        (name, item)
        for part in _objects(flow.schema())
        if part.get("additionalProperties") is False
        for name, item in part["properties"].items()
    ]
    constraints = {
        "enum",
        "pattern",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "items",
        "examples",
    }
    silent = {name for name, item in words if "description" not in item and "$ref" not in item} - constraints
    assert silent == set()


def test_the_schema_has_no_alternatives_that_blur_messages() -> None:
    """A mistake fails one rule, so that one message fits it: there is no `anyOf` and no `oneOf`."""
    text = json.dumps(flow.schema())
    assert "anyOf" not in text
    assert "oneOf" not in text


def test_a_state_is_described_with_all_its_kinds() -> None:
    """What an editor shows of a state names every key that gives its kind."""
    said = flow.schema()["$defs"]["state"]["description"]
    assert [kind for kind in state.KINDS if kind not in re.findall(r"\w+", said)] == []


_ROOT = Path(__file__).parents[4]
VALIDATOR = Draft202012Validator(json.loads((_ROOT / "schemas" / "flow.schema.json").read_text(encoding="utf-8")))
_BLOCKS = [
    block
    for document in ("language.md", "cookbook.md")
    for block in re.findall(r"```yaml\n(.*?)```", (_ROOT / "docs" / document).read_text(encoding="utf-8"), re.DOTALL)
    if re.search(r"^(extends|flow):", block, re.MULTILINE)
]


def mistakes(text: str) -> list[tuple[Any, ...]]:
    """Where an editor underlines something."""
    return [tuple(error.absolute_path) for error in VALIDATOR.iter_errors(parse(text, "x").data)]


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda block: re.findall(r"\w+", block)[1])
def test_what_the_documents_show_fits(block: str) -> None:
    """Whole flows and overlays alike."""
    assert mistakes(block) == []


@pytest.mark.parametrize(
    "overlay",
    [
        "inputs: {a: Night Owl, b: 3, c: [x], d: null, e: {default: x}, f: {required: true}}",
        "states: {a/b/c: {timeout: 1h}, d: null, e/f: {states: {g/h: null}}}",
        "states: {a: {ask: {timeout: 1h}}, b: {retry: {cap: 3s}}, c: {poll: {timeout: null}}, d: {with: {x: null}}}",
        "states: {a: {activities: {b: {every: 5s}, c: null, d: {replace: true, do: a.b}}}}",
        "states: {a: {transitions: {done: b, error: null, x: {when: y}, z: [{to: b}]}}}",
        "states: {a: {ask: {decisions: {b: null, c: {why: {default: x}}}}}}",
        "states: {a: {replace: true, wait: 1s}, b: {before: a}, c: {after: {state: a, on: done}}}",
        "guide: null\nnotify: null\ninitial: a\nphrases: {x: null}",
        "flow: owl",
    ],
)
def test_a_part_may_be_all_that_an_overlay_says(overlay: str) -> None:
    """What holds a whole flow together is not asked of a change; null is allowed for everything."""
    assert mistakes(f"extends: go-live.yaml\n{overlay}") == []


@pytest.mark.parametrize(
    ("overlay", "path"),
    [
        ("statse: {}", ()),
        ("states: {a/b: {tiemout: 1h}}", ("states", "a/b")),
        ("states: {a//b: {}}", ("states",)),
        ("states: {A: {}}", ("states",)),
        ("states: {a: {timeout: soon}}", ("states", "a", "timeout")),
        ("states: {a: {transitions: {done: [{when: x, too: b}]}}}", ("states", "a", "transitions", "done", 0)),
        ("states: {a: {after: {state: b}}}", ("states", "a", "after")),
        ("states: {a: {replace: really}}", ("states", "a", "replace")),
        ("inputs: {a: {defualt: x}}", ("inputs", "a")),
        ("inputs: {a: {env: RETAKE_ACCESS_TOKEN}}", ("inputs", "a", "env")),
    ],
)
def test_a_mistake_in_an_overlay_is_underlined(overlay: str, path: tuple[Any, ...]) -> None:
    """Where it is."""
    assert set(mistakes(f"extends: go-live.yaml\n{overlay}")) == {path}


@pytest.mark.parametrize("key", ["before: a", "after: a", "replace: true", "x/y: {}"])
def test_a_whole_flow_has_no_words_of_overlays(key: str) -> None:
    """There is nothing that they could be about."""
    assert mistakes(f"flow: x\ninitial: a\nstates: {{a: {{}}, b: {{{key}}}}}") == [("states", "b")]
