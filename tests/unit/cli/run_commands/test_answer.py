"""Answers from another terminal or program."""

from __future__ import annotations

import io
import re
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from cli_command import Command
from stored_runs import CHOICE, DEAD, ESCAPES, a_gate, an_answer, ended, stored

from retake_flow.ports.runs import Runs
from retake_flow.redact import Secret
from retake_flow.run.gates import Answer
from retake_flow.run.records import record
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.wiring.storing import this_user

URL = "https://x.com/owl/status/1"


def kept(store: Runs, run: str = "owl-1") -> Answer:
    """The one answer that waits for a run."""
    [found] = store.claim(run, this_process(), force=True).answers().values()
    return found


def test_the_only_question_needs_no_name(command: Command, store: Runs) -> None:
    """Where one question is open, the run and the fields are enough; who answers is who is logged in."""
    stored(store, "owl-1", a_gate())
    said = command("answer", "last", f"tweet_url={URL}")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "answered prove.1 of owl-1",
        "no process drives owl-1; resume it with `retake-flow resume owl-1`",
    ]
    answer = kept(store)
    assert (answer.fields, answer.by, answer.channel, answer.decision) == (
        {"tweet_url": URL}, this_user(), "command", "",
    )  # fmt: skip


def test_a_run_that_is_driven_goes_on_by_itself(command: Command, store: Runs) -> None:
    """How to go on is said only where no living process drives the run."""
    stored(store, "owl-1", a_gate(), holder=this_process(), phase=Phase.WAITING)
    stored(store, "owl-2", a_gate(), holder=DEAD)
    told = command("answer", "owl-1", f"tweet_url={URL}", "--within", "0s")
    assert told.out == "answered prove.1 of owl-1; the run has not taken it yet\n"
    assert "retake-flow resume owl-2" in command("answer", "owl-2", f"tweet_url={URL}").out


@pytest.mark.parametrize("name", ["on_air:builder.1", "on/on_air:builder", "builder", "on_air:builder", "build"])
def test_a_question_is_named_by_its_place_or_an_end_of_it(command: Command, store: Runs, name: str) -> None:
    """Among several, one is meant by its id, its place, the end of these or a part of the place."""
    stored(store, "owl-1", a_gate("on/on_air:builder.1"), a_gate("prove.11"))
    assert command("answer", "owl-1", name, f"tweet_url={URL}", "--json").records[0]["gate"] == "on/on_air:builder.1"


def test_a_question_beside_the_states_that_was_put_again_is_answered_by_its_older_name(
    command: Command, store: Runs
) -> None:
    """A stream that recovers asks the same again; the command that was told first still works."""
    stored(store, "owl-1", a_gate("on/on_air:builder.2"), a_gate("prove.2"))
    said = command("answer", "owl-1", "on/on_air:builder.1", f"tweet_url={URL}", "--json")
    assert said.records[0]["gate"] == "on/on_air:builder.2"
    assert command("answer", "owl-1", "prove.1", f"tweet_url={URL}").code == 2


def test_where_several_may_be_meant_none_is_answered(command: Command, store: Runs) -> None:
    """Without a name, or with one that fits several, the open questions are told and stay open."""
    stored(store, "owl-1", a_gate("a/prove.1"), a_gate("b/prove.1"))
    for words in ((), ("prove",)):
        said = command("answer", "owl-1", *words, f"tweet_url={URL}")
        assert said.code == 2
        assert "a/prove.1, b/prove.1" in said.err
    assert "it asks: a/prove.1, b/prove.1" in command("answer", "owl-1", "nothing", f"tweet_url={URL}").err
    assert len(store.open_gates("owl-1")) == 2


def test_a_run_that_asks_nothing_says_so(command: Command, store: Runs) -> None:
    """An answer to nothing, or to no run is refused."""
    stored(store, "owl-1")
    stored(store, "owl-2")  # so that `owl` may mean both
    assert "owl-1 has no open question" in command("answer", "owl-1", "a=b").err
    assert [command("answer", name, "a=b").code for name in ("owl-1", "owl", "bat")] == [2] * 3


@pytest.mark.parametrize("words", [("a=b",), ("prove", f"tweet_url={URL}"), ("prove.1", "a=b"), ("nothing", "a=b")])
def test_a_run_that_has_ended_says_so(command: Command, store: Runs, words: tuple[str, ...]) -> None:
    """Whatever is answered, and whether it was asked or answered before: as `say` and `send` tell it, with code 1."""
    ended(store, "owl-1", gates={"prove.1": a_gate()})
    said = command("answer", "owl-1", *words)
    assert (said.code, said.err) == (1, "retake-flow: owl-1 has ended: completed in done\n")
    assert command("answer", "owl-1", *words, "--json").records[0]["kind"] == "ended"


def test_the_second_is_told_who_was_first(command: Command, store: Runs) -> None:
    """The first valid answer wins; a second one, also a wrong one, ends with 1 and is told who, when and how."""
    stored(store, "owl-1", a_gate(), a_gate("other.1"))
    store.answer("owl-1", "prove.1", an_answer(by=f"ann{ESCAPES}", tweet_url=URL))
    for words in (("prove.1", f"tweet_url={URL}"), ("prove", "nonsense=1")):
        said = command("answer", "owl-1", *words)
        assert said.code == 1
        assert "prove.1 was already answered by annred" in said.err
        assert "on 2023-11-14 at 22:13:20 UTC (web)" in said.err
        assert "\x1b" not in said.err
    assert kept(store).fields == {"tweet_url": URL}


@pytest.mark.parametrize("name", ["on/on_air:builder.2", "on/on_air:builder", "on_air:builder", "builder", "build"])
def test_a_closed_question_is_known_by_its_short_name_too(command: Command, store: Runs, name: str) -> None:
    """What the run has asked last under that name; one that it never asked is not known."""
    key = "on/on_air:builder.2"
    asked = [record("gate_opened", 1.0, gate=gate) for gate in ("on/on_air:builder.1", key, "prove.1")]
    claim = stored(store, "owl-1", a_gate(key), records=asked, holder=this_process())
    store.answer("owl-1", key, an_answer(tweet_url=URL))
    claim.answers()
    claim.write(Run("owl-1", "go-live", "d" * 64, {}), [])
    said = command("answer", "owl-1", name, f"tweet_url={URL}")
    assert (said.code, f"{key} was already answered by ann on" in said.err) == (1, True)
    unknown = command("answer", "owl-1", "painter", f"tweet_url={URL}")
    assert (unknown.code, "does not ask 'painter'" in unknown.err) == (2, True)


def test_a_closed_question_still_knows_who_answered(command: Command, store: Runs) -> None:
    """Also when the run has taken the answer and asks something else, its whole name is told who was first."""
    claim = stored(store, "owl-1", a_gate(), holder=this_process())
    store.answer("owl-1", "prove.1", an_answer(tweet_url=URL))
    claim.answers()
    claim.write(Run("owl-1", "go-live", "d" * 64, {}, gates={"prove.10": a_gate("prove.10")}), [])
    said = command("answer", "owl-1", "prove.1", f"tweet_url={URL}")
    assert (said.code, "already answered by ann" in said.err) == (1, True)
    assert command("answer", "owl-1", "prove.2", f"tweet_url={URL}").code == 2
    assert [one.gate.id for one in store.open_gates()] == ["prove.10"]


def test_an_invalid_answer_names_all_that_is_wrong(command: Command, store: Runs) -> None:
    """Everything that does not fit is told at once, and the question stays open."""
    fields: dict[str, Any] = {"url": {"type": "string", "pattern": "^https://"}, "tries": {"type": "integer"}, "m": {}}
    stored(store, "owl-1", a_gate(fields=fields))
    said = command("answer", "owl-1", "url=ftp://x", "tries=many", "ulr=1")
    assert said.code == 2
    for problem in ("there is no field 'ulr'", "did you mean 'url'?", "url does not fit", "tries does not fit",
                    "m is missing"):  # fmt: skip
        assert problem in said.err
    assert len(store.open_gates()) == 1


def test_a_decision_is_given_by_name(command: Command, store: Runs) -> None:
    """Options may stand between the words; a missing or unknown decision is answered with those there are."""
    stored(store, "owl-1", CHOICE)
    assert "retry" in command("answer", "owl-1").err
    assert "did you mean 'retry'?" in command("answer", "owl-1", "--decision", "retri").err
    said = command("answer", "owl-1", "--decision", "retry", "trouble.1", "--by", "bob", "wait=3")
    assert said.code == 0
    answer = kept(store)
    assert (answer.decision, answer.fields, answer.by) == ("retry", {"wait": 3, "why": None}, "bob")


@pytest.mark.parametrize(
    "text",
    [
        '{"decision": "retry", "wait": 3}',
        '{"decision": "retry", "fields": {"wait": 3}}',
        '{"decision": "retry", "wait": "3"}',
    ],
)
def test_an_answer_comes_as_json_on_standard_input(
    command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A program writes one object, with the fields beside the decision or below `fields`."""
    stored(store, "owl-1", CHOICE)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    [one] = command("answer", "owl-1", "-", "--json").records
    assert {**one, "at": ""} == {
        "run": "owl-1", "gate": "trouble.1", "answered": True, "decision": "retry", "by": this_user(),
        "channel": "stdin", "at": "", "driven": False, "submitted": False, "effect": "queued",
        "next": ["retake-flow resume owl-1 --detach --json"],
    }  # fmt: skip
    assert kept(store).fields["wait"] == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a":\n }', "standard input:2:2: not JSON: "),
        (b"[1]", "standard input is not a JSON object"),
        (b"\xff", "standard input is not UTF-8 text"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b"", "standard input:1:1: not JSON: "),
        (b"[" * 100_000, "standard input nests too deep"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "standard input has a number of more than 4,300 digits"),
    ],
)
def test_what_is_no_json_is_refused_in_one_message(
    command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch, text: bytes, said: str
) -> None:
    """What cannot be read is told with its place, and the question stays open."""
    stored(store, "owl-1", a_gate())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), encoding="utf-8"))
    answered = command("answer", "owl-1", "-")
    assert (answered.code, answered.out) == (2, "")
    assert said in answered.err
    assert len(answered.err.splitlines()) == 1
    assert len(store.open_gates()) == 1


def test_a_field_may_be_called_as_a_word_of_ours(
    command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question whose fields are named `decision` and `fields` gets them."""
    stored(store, "owl-1", a_gate(fields={"decision": {"type": "string"}, "fields": {"type": "object"}}))
    monkeypatch.setattr("sys.stdin", io.StringIO('{"decision": "x", "fields": {"a": 1}}'))
    assert command("answer", "owl-1", "-").code == 0
    assert kept(store).fields == {"decision": "x", "fields": {"a": 1}}


@pytest.mark.parametrize("words", [("a=1", "a=2"), ("one", "two"), ("--decision",)])
def test_words_that_cannot_be_understood_are_refused(command: Command, store: Runs, words: tuple[str, ...]) -> None:
    """A field that is given twice, and two gates, end with 2."""
    stored(store, "owl-1", a_gate())
    assert command("answer", "owl-1", *words).code == 2


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_secret_answer_is_never_shown(command: Command, store: Runs, form: tuple[str, ...]) -> None:
    """Neither a right nor a wrong secret value comes back, and the run gets it as a secret."""
    fields: dict[str, Any] = {"code": {"type": "string", "secret": True, "pattern": "^[a-z'-]+$"}}
    stored(store, "owl-1", a_gate(fields=fields))
    wrong, right = "se'same\\77", "open-sesame"
    said = command("answer", "owl-1", f"code={wrong}", *form)
    assert said.code == 2
    assert "code does not fit" in said.out + said.err
    assert "same" not in said.out + said.err
    said = command("answer", "owl-1", f"code={right}", *form)
    assert right not in said.out + said.err
    assert kept(store).fields["code"] == Secret(right)


def test_the_examples_answer_the_shipped_question(command: Command) -> None:
    """Each example of `--help` gives the decision that `tweet_url` belongs to: without it the answer is refused."""
    examples = [line for line in command("answer", "--help").out.splitlines() if "tweet_url" in line]
    assert examples
    assert all(re.search(r'(--decision |"decision": ")posted\b', line) for line in examples)


def test_an_answer_counts_when_the_run_takes_it(command: Command, store: Runs) -> None:
    """The command waits for that where a process drives the run; what it does not take in time is kept for it."""
    claim = stored(store, "owl-1", a_gate(), holder=this_process(), phase=Phase.WAITING)

    def take() -> None:
        while not claim.answers():
            time.sleep(0.02)
        claim.write(replace(store.load("owl-1").run, gates={}, phase=Phase.RUNNING), [])

    taking = threading.Thread(target=take)
    taking.start()
    [one] = command("answer", "owl-1", f"tweet_url={URL}", "--within", "60s", "--json").records
    taking.join()
    assert (one["effect"], one["driven"]) == ("done", True)
    stored(store, "owl-2", a_gate(), holder=this_process(), phase=Phase.WAITING)
    [one] = command("answer", "owl-2", f"tweet_url={URL}", "--within", "0s", "--json").records
    assert (one["effect"], one["driven"]) == ("queued", True)
