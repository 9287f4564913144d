"""The schema of overlays, as editors use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from retake_flow.flow.text.yaml_source import parse

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
