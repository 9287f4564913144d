"""The schema for editors: the inputs of each action, in states and activities, whole and in overlays."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from retake_flow.actions import editor_schema
from retake_flow.actions.registry import CATALOGUE

VALIDATOR = Draft202012Validator(editor_schema.schema(CATALOGUE))


def _fits(do: str, given: dict[str, Any], *, activity: bool = False) -> bool:
    doing = {"do": do, "with": given}
    state = {"activities": {"x": doing}} if activity else doing
    whole = {"flow": "x", "initial": "a", "states": {"a": state, "b": {"final": "completed"}}}
    overlay = {"extends": "x.yaml", "states": {"a": state}}
    found = {VALIDATOR.is_valid(each) for each in (whole, overlay)}
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    ("do", "given", "fits"),
    [
        ("http.request", {"url": "https://example.org/", "redirects": 2}, True),
        ("http.request", {"url": "{{ vars.page }}", "redirects": "{{ vars.many }}", "json": {"a": "{{ now }}"}}, True),
        ("http.request", {"url": "https://example.org/", "redirects": 9}, False),
        ("http.request", {"url": "https://example.org/", "method": "FETCH"}, False),
        ("http.request", {"link": "https://example.org/"}, False),
        ("program.run", {"command": ["a", "{{ inputs.b }}"], "timeout": "3s", "lines": True}, True),
        ("program.run", {"command": "a b"}, False),
        ("operator.tell", {"message": "a", "kind": "tip"}, True),
        ("operator.tell", {"message": "a", "kind": "joke"}, False),
        ("house.mute", {"anything": 1}, True),
        ("House", {}, False),
    ],
)
@pytest.mark.parametrize("activity", [False, True])
def test_inputs_are_known(do: str, given: dict[str, Any], fits: bool, activity: bool) -> None:
    """A value or an expression for it fits; other names, types and words do not."""
    assert _fits(do, given, activity=activity) is fits


def test_each_action_is_offered_with_what_it_does() -> None:
    """Its sentence, its outcomes and its events are shown where its name is chosen."""
    offered = {
        each["const"]: each["description"]
        for each in VALIDATOR.schema["$defs"]["state"]["properties"]["do"]["anyOf"][:-1]
    }
    assert offered.keys() == CATALOGUE.keys()
    assert offered["program.run"].endswith("Outcomes: done, failed.")
    assert "Raises struggling (speed, " in offered["studio.health"]
