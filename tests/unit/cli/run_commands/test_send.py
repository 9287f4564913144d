"""Sending an event to a run that another process drives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cli_command import Command
from driven_run import RUN, driving
from stored_runs import DEAD

from retake_flow.flow.load.load import load_flow
from retake_flow.monitor import requests
from retake_flow.ports.runs import Claim, Holder, Request, Runs
from retake_flow.run.run import Phase
from retake_flow.store.holders import this_process

FLOW = load_flow(
    """\
flow: raided
initial: show
events: {raid: {by: {type: string}, viewers: {type: integer}}, calm: {}}
states:
  show: {wait: 1h, transitions: {done: over, raid: over}}
  over: {final: completed}
""",
    "raided.yaml",
)


def kept(store: Runs, holder: Holder) -> Claim:
    """A run of that flow."""
    text = FLOW.sources.dump()
    claim = store.create(RUN, agent="owl", flow_file="raided.yaml", flow_text=text, holder=holder)
    claim.write(replace(RUN, state="show"), [])
    return claim


def taking(request: Request) -> Sequence[dict[str, Any]]:
    """A driver that takes it."""
    return [{"event": "event_raised", "name": request.data["name"], "request": request.number}]


def test_an_event_is_taken_with_its_data(command: Command, store: Runs) -> None:
    """The fields have the types that the flow declares."""
    heard: list[Request] = []
    with driving(kept(store, this_process()), taking, heard):
        said = command("send", "owl", "raid", "--set", "by=kim", "--set", "viewers=40", "--by", "ann")
        [one] = command("send", "owl", "calm", "--json").records
    assert (said.code, said.out) == (0, "owl-1 has taken raid\n")
    assert heard[0].data == {"name": "raid", "data": {"by": "kim", "viewers": 40}, "by": "ann"}
    assert one == {
        "run": "owl-1", "event": "calm", "data": {}, "taken": True, "effect": "done", "kind": "", "reason": "",
        "hint": "", "next": ["retake-flow wait owl-1 --until on-air --within 50s --json"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tip",), "its `events`: raid, calm"),
        (("stop",), "its `events`: raid, calm"),
        (("raid", "--set", "by=kim"), "the field 'viewers' is missing"),
        (("raid", "--set", "by=kim", "--set", "viewers=many"), "the field 'viewers' does not fit"),
        (("raid", "--set", "by"), "NAME=VALUE"),
    ],
)
def test_what_the_flow_does_not_take_is_refused_here(
    command: Command, store: Runs, arguments: tuple[str, ...], words: str
) -> None:
    """Before the run hears of it, with what would be right."""
    claim = kept(store, this_process())
    said = command("send", "owl-1", *arguments)
    assert said.code == 2
    assert words in said.err
    assert claim.requests() == []


def test_a_refusal_is_the_same_object_to_a_program(command: Command, store: Runs) -> None:
    """With what is wrong and what would be right; what does not fit is not given back."""
    kept(store, this_process())
    said = command("send", "owl-1", "calm", "--set", "x=1", "--json")
    assert (said.code, said.err) == (2, "")
    assert said.records == [{
        "run": "owl-1", "event": "calm", "data": {}, "taken": False, "kind": "event",
        "reason": "the event 'calm' has no field 'x'", "hint": "it takes no fields",
        "effect": "none", "next": ["retake-flow wait owl-1 --until on-air --within 50s --json"],
    }]  # fmt: skip


def test_what_the_run_does_not_expect_now_is_refused_with_what_it_expects(command: Command, store: Runs) -> None:
    """The run itself says so; it is told apart from what the flow never takes."""

    def refusing(request: Request) -> Sequence[dict[str, Any]]:
        why = {"kind": "not_now", "message": "'show' does not expect the event 'calm'", "hint": "expected: raid"}
        return [{"event": "event_refused", "request": request.number, **why}]

    with driving(kept(store, this_process()), refusing, []):
        said = command("send", "owl-1", "calm")
        told = command("send", "owl-1", "calm", "--json")
    assert (said.code, told.code) == (1, 1)
    assert said.err == "retake-flow: 'show' does not expect the event 'calm'\n    hint: expected: raid\n"
    assert told.records == [{
        "run": "owl-1", "event": "calm", "data": {}, "taken": False, "kind": "not_now",
        "reason": "'show' does not expect the event 'calm'", "hint": "expected: raid",
        "effect": "none", "next": ["retake-flow wait owl-1 --until on-air --within 50s --json"],
    }]  # fmt: skip


def test_nobody_hears_an_event_of_a_run_without_a_process(
    command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of one that has died nor of one that does not look."""
    monkeypatch.setattr(requests, "HEARD_WITHIN", 0.2)
    kept(store, DEAD)
    said = command("send", "owl-1", "calm")
    assert (said.code, said.err.startswith("not sent: no process drives owl-1")) == (1, True)
    store.claim("owl-1", this_process())
    [told] = command("send", "owl-1", "calm", "--json").records
    assert (told["taken"], told["kind"]) == (False, "unheard")
    assert told["reason"].startswith("owl-1 has not taken it")


def test_a_run_that_has_ended_hears_no_event(command: Command, store: Runs) -> None:
    """That is told as such."""
    kept(store, this_process()).write(replace(RUN, phase=Phase.COMPLETED, outcome="completed", state="over"), [])
    said = command("send", "owl-1", "calm")
    assert (said.code, said.err) == (1, "not sent: owl-1 has ended: completed in over\n")
    assert command("send", "owl-1", "calm", "--json").records[0]["kind"] == "ended"
