"""Answers held against what was asked."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.redact import Secret, scrub
from retake_flow.run.answers import answer, answer_with, as_record, commands, describe_fields, schema
from retake_flow.run.errors import AnswerInvalid
from retake_flow.run.gates import Answer, Gate

FIELDS: dict[str, dict[str, Any]] = {
    "url": {"type": "string", "format": "post", "description": "where it is"},
    "tries": {"type": "integer", "minimum": 1, "default": 3},
    "why": {"type": "string", "optional": True},
    "code": {"type": "string", "secret": True, "optional": True},
}
PLAIN = Gate("ask.1", "ask", 1, "Well?", FIELDS)
CHOICE = Gate("ask.1", "ask", 1, "Well?", decisions={"retry": {"wait": {"type": "integer"}}, "give_up": {}})
POST = "https://x.com/owl/status/20"
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


def said(gate: Gate, decision: str = "", **fields: Any) -> Answer:
    """What ann said by the command."""
    return answer(gate, fields, decision=decision, by="ann", channel="command", at=5.0)


def refusal(gate: Gate, decision: str = "", **fields: Any) -> str:
    """Why an answer was refused."""
    with pytest.raises(AnswerInvalid) as refused:
        said(gate, decision, **fields)
    return refused.value.message


def test_an_answer_has_who_when_and_how() -> None:
    """What fits is kept with its fields, defaults filled in, and everything about who gave it."""
    assert said(PLAIN, url=POST) == Answer(
        "", {"url": POST, "tries": 3, "why": None, "code": None}, "ann", "command", 5.0
    )


def test_texts_are_read_as_the_declared_type() -> None:
    """What is written on a command line becomes a number where a number is asked for."""
    assert said(PLAIN, url=POST, tries="7").fields["tries"] == 7
    assert said(CHOICE, "retry", wait="3").fields == {"wait": 3}


def test_a_secret_is_a_value_like_others() -> None:
    """A secret field is held against its schema as it is; the store hides it."""
    assert said(PLAIN, url=POST, code="open sesame").fields["code"] == "open sesame"


def test_all_problems_are_named_at_once() -> None:
    """Unknown, unfit and missing fields stand in one message, with a hint for a mistyped one."""
    message = refusal(PLAIN, ulr=POST, tries="0")
    assert "there is no field 'ulr' (did you mean 'url'?)" in message
    assert "tries does not fit: 0 is less than the minimum of 1" in message
    assert "url is missing" in message


def test_a_placeholder_is_no_answer() -> None:
    """The address of an example is refused though it looks like one."""
    assert "the address of an example" in refusal(PLAIN, url="https://x.com/username/status/20")


def test_the_only_decision_need_not_be_named() -> None:
    """Where there is one way to decide, it is meant; where there are several, one has to be named."""
    assert said(replace(CHOICE, decisions={"go": {}})).decision == "go"
    assert refusal(CHOICE) == "ask.1 asks for a decision (there are: give_up, retry)"
    assert refusal(CHOICE, "retri") == "'retri' is no decision of ask.1 (did you mean 'retry'?)"
    assert "'stay' is no decision" in refusal(replace(CHOICE, decisions={"go": {}}), "stay")


def test_fields_tell_which_decision_is_meant() -> None:
    """Fields that only one decision has, or that only one can take, name it; none of them do not."""
    assert said(CHOICE, wait="3") == Answer("retry", {"wait": 3}, "ann", "command", 5.0)
    assert refusal(CHOICE, wait="soon").startswith("wait does not fit")
    later = replace(CHOICE, decisions={**CHOICE.decisions, "later": {"wait": {"type": "string", "format": "duration"}}})
    assert said(later, wait="10m").decision == "later"
    assert refusal(later, wait="soon") == "ask.1 asks for a decision (there are: give_up, later, retry)"
    assert "asks for a decision" in refusal(
        replace(later, decisions={"a": {"n": {"optional": True}}, "b": {"n": {"optional": True}}}), n=1
    )
    assert "asks for a decision" in refusal(CHOICE, hours="3")


def test_a_question_without_decisions_takes_none() -> None:
    """A decision that nobody asked for is refused, not dropped."""
    assert refusal(PLAIN, "yes", url=POST) == "ask.1 asks for no decision, so 'yes' cannot be one"


def test_each_decision_has_fields_of_its_own() -> None:
    """A field of another decision is unknown; one that asks for nothing takes nothing."""
    assert said(CHOICE, "give_up").fields == {}
    assert "there is no field 'wait'" in refusal(CHOICE, "give_up", wait="3")
    assert refusal(CHOICE, "retry") == "wait is missing"


def test_what_is_asked_is_json_schema() -> None:
    """A schema has type, properties and what is required, without words of ours; one for each decision."""
    assert schema(PLAIN) == {
        "type": "object",
        "properties": {
            "url": {"type": "string", "format": "post", "description": "where it is"},
            "tries": {"type": "integer", "minimum": 1, "default": 3},
            "why": {"type": "string"},
            "code": {"type": "string", "writeOnly": True},
        },
        "required": ["url"],
    }
    assert schema(CHOICE) == {
        "decisions": {
            "retry": {"type": "object", "properties": {"wait": {"type": "integer"}}, "required": ["wait"]},
            "give_up": {"type": "object", "properties": {}, "required": []},
        }
    }


_values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "wait", "x"]), _values), st.sampled_from(["", "retry", "give_up", "x"])
)
def test_any_answer_is_taken_or_refused(fields: dict[str, Any], decision: str) -> None:
    """Whatever is said, it fits, with a value for every field that was asked, or is refused."""
    for gate in (PLAIN, CHOICE):
        with suppress(AnswerInvalid):
            kept = answer(gate, fields, decision=decision, by="x", channel="y", at=0.0)
            assert kept.fields.keys() == gate.fields_of(kept.decision).keys()


def test_a_wrong_secret_is_masked_in_the_refusal() -> None:
    """What was wrapped before it was held against the schema does not come back through the words of the error."""
    Secret("correct-horse-battery")
    gate = replace(PLAIN, fields={"code": {"type": "string", "secret": True, "pattern": "^[0-9]+$"}})
    assert "correct-horse" not in scrub(refusal(gate, code="correct-horse-battery"))


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
