"""Rules files: what is wrong with them is said with its place, and the shipped schema is the one in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flow_samples import CATALOGUE, flow_of
from jsonschema import Draft202012Validator

from retake_flow.actions import registry
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.rules import check, load
from retake_flow.flow.text import locate
from retake_flow.flow.text.yaml_source import parse

SCHEMA = json.loads((Path(__file__).parents[4] / "schemas" / "rules.schema.json").read_text(encoding="utf-8"))
GOOD = """\
rules: house
version: 1
guide: 2.1.2
description: What we want.
every_path:
  first: {because: x, before: a.say, comes: [a.work, {done: a.choose, outcome: left}], since: s.program}
  fresh: {because: x, before_each: s.program, fresh: {begins: a.work}}
  apart: {because: x, between: a, and: {leaves: a}, nothing: [{ends: run}, {takes: stop}]}
  along: {because: x, while: [s.program, {in: a, rests: 10s}], also: {runs: a.work}}
  rests: {because: x, before: {holds: {rests: 10s}}, comes: {ends: s.program, while: a}}
"""
FLOW = flow_of("{a: {do: a.work, transitions: {done: b, error: b}}, b: {final: ok}}")


def said(text: str) -> list[str]:
    """What is wrong with a rules file, as LINE:COLUMN message."""
    found = load.read(text, "r.yaml", CATALOGUE, FLOW).problems
    assert {problem.code for problem in found} <= {"RF071"}
    return [f"{problem.position.line}:{problem.position.column} {problem.message}" for problem in found]


def test_every_form_is_read() -> None:
    """Each of the four forms, with everything that can happen and hold, is taken."""
    found = load.read(GOOD, "r.yaml", CATALOGUE, FLOW)
    assert found.problems == ()
    assert [rule.name for rule in found.rules] == ["first", "fresh", "apart", "along", "rests"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rules: house\n", "", "1:1 a rules file begins with `rules: NAME`"),
        ("every_path:", "every_pth:", "5:1 unknown key 'every_pth' in a rules file"),
        ("first: {because: x, before", "first: {before", "6:10 the rule 'first' needs the key 'because'"),
        (", since: s.program", ", fresh: a.work", "6:88 'fresh' does not go with 'before' in the rule 'first'"),
        (", fresh: {begins: a.work}", "", "7:10 the rule 'fresh' has 'before_each' but no 'fresh'"),
        (
            "between: a, and: {leaves: a}, nothing: [{ends: run}, {takes: stop}]",
            "",
            "8:10 the rule 'apart' forbids nothing",
        ),
        ("before_each: s.program", "before_each: s.progam", "7:36 there is no action 's.progam'"),
        ("before_each: s.program", "before_each: {starts: s.program}", "7:37 unknown key 'starts' in what happens"),
        ("before_each: s.program", "before_each: [1]", "7:37 what happens must be a mapping"),
        ("before_each: s.program", "before_each: []", "7:36 'before_each' is empty"),
        ("{leaves: a}", "{leaves: aa}", "8:49 the flow has no state 'aa'"),
        ("{takes: stop}", "{takes: stopp}", "8:84 the flow takes no event 'stopp'"),
        ("outcome: left", "outcome: lft", "6:80 a.choose does not end with 'lft'"),
        ("{begins: a.work}", "{begins: a.work, outcome: done}", "7:71 'outcome' does not go with 'begins'"),
        ("{begins: a.work}", "{begins: a.say, with: {txt: x}}", "7:77 the action 'a.say' has no input 'txt'"),
        ("{begins: a.work}", "{begins: a.say, with: 1}", "7:76 'with' must be a mapping from inputs to values"),
        ("{begins: a.work}", "{done: a.work, where: result.}", "7:76 `result.` is not an expression"),
        ("{begins: a.work}", "{done: a.work, where: vars.x}", "7:76 `vars.x` may read only the result"),
        ("{begins: a.work}", "{begins: a.work, done: a.work}", "7:54 expected exactly one of the keys"),
        ("rests: 10s}], also", "rests: soon}], also", "9:57 'soon' is not a duration"),
        ("also: {runs: a.work}", "also: {}", "9:70 a condition is an action that runs"),
        ("also: {runs: a.work}", "also: 3", "9:70 a condition must be a mapping"),
        ("description: What we want.", "rules: twice", "4:1 the key 'rules' is here twice"),
        (GOOD, "a: [", "2:1 this is not YAML"),
        (GOOD, "- a", "1:1 this is no rules file: it has none of the keys rules, every_path"),
        (GOOD, "rules: x\nevery_path: []", "2:13 'every_path' must be a mapping from names to rules"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, message: str) -> None:
    """A mistake in a rules file gives one message that fits it, at its line and column."""
    assert old in GOOD
    found = said(GOOD.replace(old, new, 1))
    assert [each for each in found if each.startswith(message)], found


def test_a_rules_file_with_a_mistake_is_not_used() -> None:
    """Half a file of rules would be no promise."""
    assert load.read(GOOD.replace("s.program, fresh", "s.progam, fresh"), "r.yaml", CATALOGUE, FLOW).rules == ()


# --- the schema ------------------------------------------------------------------------------------------------


def test_the_schema_has_the_keys_that_are_read() -> None:
    """`schemas/rules.schema.json` is a JSON Schema, and has the forms and the words of the program."""
    Draft202012Validator.check_schema(SCHEMA)
    rule, happening = SCHEMA["$defs"]["rule"], SCHEMA["$defs"]["happening"]
    keys = {form: {*needed, *may} for form, (needed, may) in load.FORMS.items()}
    every = set().union(*keys.values())
    assert rule["properties"].keys() == {"because", *every}
    for part in rule["allOf"]:
        (form,) = part["if"]["required"]
        assert part["then"]["required"] == list(load.FORMS[form][0])
        assert part["then"]["properties"].keys() == every - keys.pop(form)
    assert not keys
    assert happening["properties"].keys() == set(load.VERBS).union(*load.VERBS.values())


def fits(text: str) -> bool:
    """Whether an editor with the schema underlines nothing."""
    return Draft202012Validator(SCHEMA).is_valid(parse(text, "r.yaml").data)


def test_editor_and_program_agree() -> None:
    """What the program takes fits the schema, and what has a wrong form does not."""
    assert fits(GOOD)
    assert fits(locate.platform_rules().read_text(encoding="utf-8"))
    for old, new in {
        "every_path:": "every_pth:",
        "because: x, before_each": "before_each",
        ", since: s.program": ", fresh: a.work",
        ", fresh: {begins: a.work}": "",
        "before_each: s.program": "before_each: {starts: s.program}",
        "{ends: run}": "{ends: runs}",
        "also: {runs: a.work}": "also: {}",
        "rests: 10s}], also": "rests: soon}], also",
    }.items():
        assert old in GOOD
        assert not fits(GOOD.replace(old, new)), new


def test_every_key_is_explained() -> None:
    """Each word of rules files bears a description, which editors show."""

    def words(node: Any) -> list[dict[str, Any]]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        found = [found for item in inner for found in words(item)]
        own = node.get("properties", {}) if isinstance(node, dict) and node.get("additionalProperties") is False else {}
        return [*own.values(), *found]

    listed = words(SCHEMA)
    assert len(listed) > 20
    assert [word for word in listed if "description" not in word] == []


# --- the rules of a flow ---------------------------------------------------------------------------------------


def test_the_platforms_rules_are_no_flow() -> None:
    """They come with the program and are not listed among the flows."""
    assert locate.platform_rules().is_file()
    assert "platform.yaml" not in locate.shipped_flows()
    assert [rule.name for rule in load.platform(registry.CATALOGUE)][:2] == ["verified_first", "fresh_key"]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A flow that names rules of its own."""
    (tmp_path / "own.yaml").write_text(
        "flow: own\nrules: [house.rules.yaml]\ninitial: a\n"
        "states: {a: {do: operator.tell, with: {message: x}, transitions: {done: b, error: b}}, b: {final: ok}}\n"
    )
    return tmp_path / "own.yaml"


def by_rules(file: Path) -> list[str]:
    """What is wrong with a flow by its rules."""
    flow = load_flow(file.read_text(encoding="utf-8"), str(file))
    return [str(problem) for problem in check.problems(flow, registry.CATALOGUE)]


def test_rules_of_ones_own_stand_beside_the_flow(own: Path) -> None:
    """They are sought beside the flow's file, and hold with the platform's."""
    house = own.parent / "house.rules.yaml"
    house.write_text("rules: house\nevery_path: {silent: {because: hush, before: operator.tell, comes: b}}\n")
    (told,) = by_rules(own)
    assert told.startswith(f"{own}:4:10: RF070 breaks the rule silent of house: hush")
    house.write_text("rules: house\nevery_path: {silent: {because: hush, before: operator.tel, comes: b}}\n")
    (told,) = by_rules(own)
    assert told.startswith(f"{house}:2:46: RF071 there is no action 'operator.tel'")


def test_rules_that_are_not_there_are_missed(own: Path) -> None:
    """A flow that names rules is not taken without them."""
    (told,) = by_rules(own)
    assert told.startswith(f"{own}:2:1: RF071 there is no rules file 'house.rules.yaml'")
    (own.parent / "house.rules.yaml").write_bytes(b"\xff")
    (told,) = by_rules(own)
    assert "RF071 this is not UTF-8 text" in told


@pytest.mark.parametrize("name", ["[a.nope]", "{a.work: 1}", "[[x]]", "null", "3", "'" + "x" * 5000 + "'"])
def test_what_is_no_name_of_an_action_is_said_in_short(name: str) -> None:
    """Whatever stands where an action should is a mistake, and not quoted at length."""
    for place in ("{runs: NAME}", "{runs: NAME, in: a}", "NAME"):
        text = f"rules: house\nevery_path:\n  r: {{because: x, while: {place}, also: a.work}}\n"
        found = said(text.replace("NAME", name))
        assert found
        assert all(len(message) < 300 for message in found)
