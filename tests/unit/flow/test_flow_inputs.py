"""What an agent sets, as the declared types."""

from __future__ import annotations

import pytest
from flow_samples import flow_of

from retake_flow.errors import InputError
from retake_flow.flow.inputs import resolve

FLOW = flow_of(
    "a: {final: ok}",
    head="""inputs:
  name: {type: string, minLength: 1, default: owl}
  tries: {type: integer, minimum: 1, default: 3}
  share: {type: number, optional: true}
  quick: {type: boolean, default: false}
  tags: {type: array, items: {type: string}, default: []}
  extra: {type: object, optional: true}
  length: {type: string, format: duration, default: 12h}
  size: {type: string, pattern: '^\\d+x\\d+$', default: 1x1}
  mood: {type: string, enum: [calm, wild], default: calm}
""",
)


def test_what_is_not_set_has_its_default_or_nothing() -> None:
    """Every input has a value: its default, or nothing when it is optional."""
    assert resolve(FLOW, {}) == {
        "name": "owl", "tries": 3, "share": None, "quick": False, "tags": [], "extra": None, "length": "12h",
        "size": "1x1", "mood": "calm",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("name", "7", "7"),
        ("name", "true", "true"),
        ("tries", "5", 5),
        ("share", "0.5", 0.5),
        ("quick", "true", True),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("extra", '{"a": 1}', {"a": 1}),
        ("length", "90m", "90m"),
        ("tries", 5, 5),
        ("mood", "wild", "wild"),
    ],
)
def test_texts_are_read_as_the_declared_type(name: str, written: object, value: object) -> None:
    """A value given as a text on the command line becomes what the flow declares; a text stays a text."""
    got = resolve(FLOW, {name: written})[name]
    assert (type(got), got) == (type(value), value)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("name", ""),
        ("tries", "five"),
        ("tries", "0"),
        ("tries", "1.5"),
        ("share", "half"),
        ("quick", "yes"),
        ("tags", "[1]"),
        ("tags", "a,b"),
        ("tags", "[" * 100_000),
        ("extra", "[]"),
        ("length", "3 parsecs"),
        ("size", "big"),
        ("mood", "sad"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, written: str) -> None:
    """A value that is not as the flow declares it is an error of usage that names the input."""
    with pytest.raises(InputError, match=f"the input '{name}' ") as raised:
        resolve(FLOW, {name: written})
    assert raised.value.exit_code == 2


def test_an_unknown_input_is_answered_with_the_one_that_was_meant() -> None:
    """A mistyped name is refused with a suggestion."""
    with pytest.raises(InputError, match=r"has no input 'trys' \(did you mean 'tries'\?\)"):
        resolve(FLOW, {"trys": "1"})


def test_a_required_input_must_be_given() -> None:
    """An input without a default that is not optional is asked for."""
    flow = flow_of("a: {final: ok}", head="inputs: {name: {type: string}}\n")
    with pytest.raises(InputError, match="the input 'name' is missing; give it with --set name="):
        resolve(flow, {})


def test_all_mistakes_are_told_at_once() -> None:
    """Every wrong input is named in one error."""
    with pytest.raises(InputError) as raised:
        resolve(FLOW, {"tries": "x", "mood": "sad", "nope": "1"})
    assert len(raised.value.message.splitlines()) == 3
