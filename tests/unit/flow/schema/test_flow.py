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
