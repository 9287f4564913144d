"""How to ask: the command to copy, and what stands behind each field."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.run.gate_prompt import answer_with, as_record, commands, describe_fields
from retake_flow.run.gates import Gate

GATE = Gate(
    "on/air:builder.2",
    "on/air:builder",
    2,
    "Which way?",
    {"way": {"type": "string"}, "n": {"type": "integer", "default": 3}, "why": {"type": "string", "optional": True}},
    opened_at=0.0,
    due=90.0,
    audience="owner",
)
CHOICE = Gate("ask.1", "ask", 1, "Well?", decisions={"retry": {"wait": {"type": "integer"}}, "give_up": {}})


def test_a_command_names_what_has_to_be_given() -> None:
    """Run and gate, the decision where there is one, and each field that has no default, with a gap for its value."""
    assert answer_with("owl-1", GATE) == "retake-flow answer owl-1 on/air:builder.2 way=…"
    assert answer_with("owl-1", CHOICE) == "retake-flow answer owl-1 ask.1 --decision retry wait=…"
    assert answer_with("owl-1", CHOICE, "give_up") == "retake-flow answer owl-1 ask.1 --decision give_up"


def test_there_is_one_command_a_decision() -> None:
    """Each way to answer has its command; a question without decisions has one."""
    assert commands("r", CHOICE) == [answer_with("r", CHOICE, "retry"), answer_with("r", CHOICE, "give_up")]
    assert commands("r", GATE) == [answer_with("r", GATE)]


_names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


@given(_names, _names, _names, _names)
def test_a_command_can_be_copied_whatever_the_names_are(run: str, gate: str, decision: str, field: str) -> None:
    """A shell reads back the very words, so that no name can be a command of its own."""
    asked = Gate(gate, "p", 1, "m", decisions={decision: {field: {"type": "string"}}})
    assert shlex.split(answer_with(run, asked)) == [
        "retake-flow", "answer", run, gate, "--decision", decision, f"{field}=…",
    ]  # fmt: skip


def test_a_question_is_told_with_all_that_answering_needs() -> None:
    """A record of it has the gate, the words, the schema, the time it expires, whom it is for and the command."""
    record = as_record("owl-1", GATE)
    assert record["gate"] == "on/air:builder.2"
    assert (record["message"], record["audience"], record["due"]) == ("Which way?", "owner", "1970-01-01T00:01:30.000Z")
    assert record["schema"]["required"] == ["way"]
    assert record["answer_with"] == answer_with("owl-1", GATE)
    assert "due" not in as_record("owl-1", replace(GATE, due=None))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "post", "description": "where it is"}, "post: where it is"),
        ({"type": "integer", "default": 3}, "integer, 3 when left out"),
        ({"type": "string", "optional": True, "title": "Why"}, "string, optional: Why"),
        ({"type": "string", "enum": ["a", "b"]}, "a | b"),
        ({"type": ["string", "null"], "secret": True}, "string or null, secret"),
        ({"secret": False}, "anything"),
    ],
)
def test_what_may_be_written_is_told_in_words(schema: dict[str, object], words: str) -> None:
    """The format or type, what happens when it is left out, that it is secret, and what it means."""
    assert list(describe_fields({"x": schema})) == [("x", words)]
