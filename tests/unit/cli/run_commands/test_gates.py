"""The list of open questions, and the command that answers one."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from cli_command import Command
from stored_runs import CHOICE, ESCAPES, a_gate, an_answer, stored

from retake_flow.ports.runs import Runs


def test_nothing_asked_is_no_error(command: Command, store: Runs) -> None:
    """Where no question is open, people get words and programs get no line."""
    stored(store)
    assert command("gates").out == "no open questions\n"
    assert command("gates", "--json").records == []


def test_all_open_questions_of_all_runs_are_listed_the_oldest_first(command: Command, store: Runs) -> None:
    """Each question is told with its run, message, fields and the command that answers it; answered ones are not."""
    stored(store, "owl-1", a_gate(opened_at=2000.0), a_gate("other.1", opened_at=1.0))
    stored(store, "owl-2", a_gate("a/b:c.2", opened_at=1000.0, due=4000.0, audience="boss"))
    store.answer("owl-1", "other.1", an_answer(tweet_url="https://x"))
    first, second = command("gates", "--json").records
    assert (first["run"], second["run"]) == ("owl-2", "owl-1")
    assert first == {
        "run": "owl-2", "flow": "go-live", "gate": "a/b:c.2", "message": "Post this", "audience": "boss",
        "schema": {
            "type": "object",
            "properties": {"tweet_url": {"type": "string", "pattern": "^https://", "description": "where it is"}},
            "required": ["tweet_url"],
        },
        "opened_at": "1970-01-01T00:16:40.000Z", "due": "1970-01-01T01:06:40.000Z",
        "answer_with": "retake-flow answer owl-2 a/b:c.2 tweet_url=…",
        "next": ["retake-flow answer owl-2 a/b:c.2 tweet_url=…"],
    }  # fmt: skip
    assert [one["gate"] for one in command("gates", "owl-1", "--json").records] == ["prove.1"]


def test_a_person_reads_what_is_asked_and_how_to_answer(command: Command, store: Runs) -> None:
    """The words name the message, each decision with its fields, and one command a decision."""
    stored(store, "owl-1", replace(CHOICE, opened_at=time.time() - 120))
    out = command("gates").out
    assert out.splitlines() == [
        "owl-1  go-live",
        "  trouble.1  asked of operator 2m ago",
        "      What now?",
        "    decision retry",
        "      wait: integer",
        "      why: string, optional",
        "    decision give_up",
        "    answer: retake-flow answer owl-1 trouble.1 --decision retry wait=…",
        "    answer: retake-flow answer owl-1 trouble.1 --decision give_up",
        "",
    ]


def test_a_question_that_is_due_says_so(command: Command, store: Runs) -> None:
    """When a question expires, or that its time is over, is to be seen."""
    stored(store, "owl-1", a_gate(due=1.0), a_gate("b.1", due=time.time() + 3700))
    out = command("gates").out
    assert ", overdue for " in out
    assert ", due in 1h (" in out


def test_no_message_can_reach_into_the_terminal(command: Command, store: Runs) -> None:
    """Text from the platform or from chat in a message is shown without control sequences and on its own lines."""
    stored(store, "owl-1", a_gate(message=f"first{ESCAPES}\rsecond\nthird rtk_0123456789 \ud800 ü梟"))
    out = command("gates").out
    assert "firstred" in out
    assert all(character.isprintable() or character == "\n" for character in out)
    assert "ü梟" in out
    assert "rtk_0123456789" not in out
    [one] = command("gates", "--json").records
    assert "rtk_0123456789" not in one["message"]


@pytest.mark.parametrize("name", ["", "no-such", "owl"])
def test_a_run_that_is_not_known_ends_with_2(command: Command, store: Runs, name: str) -> None:
    """A name that means no run, or more than one, is refused with what it may mean."""
    stored(store, "owl-1")
    stored(store, "owl-2")
    assert command("gates", name or "x").code == 2
