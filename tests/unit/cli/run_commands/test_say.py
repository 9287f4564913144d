"""Having something said on the stream of a run that another process drives."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cli_command import Command
from driven_run import RUN, Answer, driving
from stored_runs import DEAD, ended, stored

from retake_flow.monitor import requests
from retake_flow.ports.runs import Request, Runs
from retake_flow.run.records import record
from retake_flow.run.run import Phase
from retake_flow.store.holders import this_process


def saying(**fields: Any) -> Answer:
    """A driver that has it said so."""

    def answer(request: Request) -> Sequence[dict[str, Any]]:
        said = {"how": [], "failed": {}, "reason": "", **fields}
        return [
            {"event": "say_requested", "request": request.number},
            {"event": "said", "request": request.number + 1, "how": ["chat"], "failed": {}, "reason": ""},  # another's
            {"event": "said", "request": request.number, **said},
        ]

    return answer


def test_it_is_said_and_told_how(command: Command, store: Runs) -> None:
    """The run gets the text and who says it, in the ways that are there; the command waits for what becomes of it."""
    heard: list[Request] = []
    with driving(stored(store, "owl-1", holder=this_process()), saying(how=["voice", "screen"]), heard):
        said = command("say", "owl", " Back in five ", "--by", "ann")
    assert (said.code, said.out, said.err) == (0, "said on owl-1: voice, screen\n", "")
    assert [(one.what, one.data) for one in heard] == [("say", {"text": "Back in five", "ways": [], "by": "ann"})]


@pytest.mark.parametrize(
    ("options", "fields", "code", "effect"),
    [
        ((), {"how": ["screen"], "failed": {"voice": "hoarse"}}, 0, "done"),
        (("--voice", "--screen"), {"how": ["screen"], "failed": {"voice": "hoarse"}}, 1, "partly"),
        (("--chat",), {"failed": {"chat": "no session"}}, 1, "none"),
        ((), {"reason": "the run is not on air"}, 1, "none"),
    ],
)
def test_what_fails_is_told(command: Command, store: Runs, options: Any, fields: Any, code: int, effect: str) -> None:
    """Who asked for a way wants it; who asked for none is content with one. A program gets all of it in one object."""
    heard: list[Request] = []
    with driving(stored(store, "owl-1", holder=this_process()), saying(**fields), heard):
        said = command("say", "last", "hello", "--json", *options)
        plain = command("say", "last", "hello", *options)
    assert (said.code, plain.code) == (code, code)
    [one] = said.records
    assert one.pop("next")
    assert one == {"run": "owl-1", "said": code == 0, "effect": effect, "how": [], "failed": {}, "reason": "", **fields}
    assert [one.data["ways"] for one in heard] == [[option[2:] for option in options]] * 2
    for why in (*fields.get("failed", {}).values(), fields.get("reason", "")):
        assert why in plain.err


def test_a_run_that_nobody_drives_says_nothing(command: Command, store: Runs) -> None:
    """Whether it has died or ended, that is told at once, and nothing is asked that would be said much later."""
    stored(store, "owl-1", holder=DEAD)
    said = command("say", "owl-1", "hello")
    assert (said.code, said.err) == (
        1,
        "not said: no process drives owl-1; resume it with `retake-flow resume owl-1`\n",
    )
    assert store.claim("owl-1", this_process()).requests() == []
    ended(store, "owl-2")
    assert command("say", "owl-2", "hello", "--json").records[0]["reason"] == "owl-2 has ended: completed in done"


def test_a_run_that_does_not_hear_is_not_waited_for_for_ever(
    command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when it never takes the request, and not when it never comes to an end with it."""
    monkeypatch.setattr(requests, "HEARD_WITHIN", 0.2)
    claim = stored(store, "owl-1", holder=this_process())
    assert "has not taken it within 0.3 s" in command("say", "owl-1", "hello", "--within", "300ms").err
    monkeypatch.setattr(requests, "READY_WITHIN", 0.2)
    assert "has not taken it within 0.4 s" in command("say", "owl-1", "hello").err
    send = requests.SentRequest.send

    def take(*request: Any) -> requests.SentRequest:
        sent = send(*request)
        claim.write(RUN, [record("say_requested", 1.0, request=sent.number)])
        return sent

    monkeypatch.setattr(requests.SentRequest, "send", take)
    assert "has not finished it within 0.3 s" in command("say", "owl-1", "hello", "--within", "300ms").err


def test_a_run_whose_services_start_is_waited_for(
    command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the text once they have started, which may be later than it hears of it."""
    monkeypatch.setattr(requests, "HEARD_WITHIN", 0.1)

    def starting(request: Request) -> Sequence[dict[str, Any]]:
        time.sleep(0.8)
        return saying(how=["voice"])(request)

    with driving(stored(store, "owl-1", holder=this_process()), starting, []):
        assert command("say", "owl-1", "hello").code == 0


def test_a_run_that_ends_meanwhile_is_told(command: Command, store: Runs) -> None:
    """The command does not wait for what nobody will do any more."""
    over = replace(RUN, phase=Phase.COMPLETED, outcome="completed")
    with driving(stored(store, "owl-1", holder=this_process()), lambda request: [], [], over):
        said = command("say", "owl-1", "hello")
    assert (said.code, said.err) == (1, "not said: owl-1 has ended: completed in on/air\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is nothing to say"),
        (" \n", "nothing to say"),
        ("\x1b[2J\x07", "nothing to say"),
        (" \x1b]0;title\x07 \u202e", "nothing to say"),
        ("x" * 501, "longer than 500"),
    ],
)
def test_what_cannot_be_said_is_refused(command: Command, store: Runs, text: str, words: str) -> None:
    """Nothing, also once what a terminal would obey is taken out, and what would take a minute."""
    claim = stored(store, "owl-1", holder=this_process())
    said = command("say", "owl-1", text)
    assert said.code == 2
    assert words in said.err
    assert claim.requests() == []


def test_a_text_comes_from_standard_input_too(command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is long, or should not stand in the list of processes."""
    heard: list[Request] = []
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe\n"))
    with driving(stored(store, "owl-1", holder=this_process()), saying(how=["screen"]), heard):
        assert command("say", "owl-1", "-").code == 0
    assert heard[0].data["text"] == "from a pipe"
