"""docs/rules.md says what is true."""

from __future__ import annotations

import json
import re
from pathlib import Path

from flow_samples import flow_of
from jsonschema import Draft202012Validator

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.rules import check, load
from retake_flow.flow.text.yaml_source import parse

SCHEMA = json.loads((Path(__file__).parents[4] / "schemas" / "rules.schema.json").read_text(encoding="utf-8"))
TEXT = (Path(__file__).parents[4] / "docs" / "rules.md").read_text(encoding="utf-8")
# The flow whose broken rule the document shows; what is not shown keeps all other rules.
OWL = """\
flow: owl
initial: load
states:
  load: {do: credentials.load, transitions: {found: look, missing: over, error: over}}
  look:
    do: retake.verification_status
    transitions: {done: [{when: result.verified, to: air}, {to: air}], error: over}
  air:
    initial: key
    transitions: {error: over}
    states:
      key: {do: retake.stream_key, transitions: {done: start}}
      start: {do: retake.start_stream, undo: retake.stop_stream, transitions: {done: over}}
  over: {final: ok}
"""


def test_the_rules_that_are_shown_are_good() -> None:
    """Every rules file in the document is read without a mistake, for a flow with its states, and fits the schema."""
    asked = "approval: {ask: {message: m, decisions: {allow: }}, transitions: {allow: broadcast}}"
    states = f"{{{asked}, broadcast: {{initial: on_air, states: {{on_air: {{final: ok}}}}}}}}"
    blocks = re.findall(r"^```yaml\n(.*?^rules:.*?)^```", TEXT, re.M | re.S)
    assert blocks
    for block in blocks:
        found = load.read(block, "docs/rules.md", CATALOGUE, flow_of(states, "approval"))
        assert found.problems == ()
        assert Draft202012Validator(SCHEMA).is_valid(parse(block, "docs/rules.md").data)


def test_a_broken_rule_reads_as_shown() -> None:
    """The message and the path are what the program says."""
    (problem,) = check.problems(load_flow(OWL, "owl.yaml"), CATALOGUE)
    assert f"{problem}\n" in TEXT


def test_all_rules_of_the_platform_are_named() -> None:
    """The table names each rule of the platform, and no other."""
    table = TEXT.partition("## The platform's rules")[2].partition("## Your own rules")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [rule.name for rule in load.platform(CATALOGUE)]


def test_all_words_are_named() -> None:
    """The tables name every form and everything that can happen."""
    words = {word for cell in re.findall(r"^\| (`.*?) \|", TEXT, re.M) for word in re.findall(r"`(\w+):", cell)}
    assert words == {*(key for needed, _ in load.FORMS.values() for key in needed), *load.VERBS}
