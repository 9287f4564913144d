"""Events from outside: held against what the flow declares, and taken once."""

from __future__ import annotations

from typing import Any

import pytest
from stored_run import World, later, play

from retake_flow.engine.core.external_events import read_data
from retake_flow.flow.load.load import load_flow
from retake_flow.run.errors import EventRefused

FLOW = """
initial: show
events:
  tip: {amount: {type: number, minimum: 0}, who: {type: string, optional: true}}
  mute: {}
states:
  show:
    set: {sum: 0}
    timeout: 1m
    transitions: {tip: {set: {sum: "{{ vars.sum + event.amount }}"}}, stop: over, timeout: over}
  over: {final: completed, reason: "{{ vars.sum }}"}
"""


@pytest.mark.parametrize(
    ("given", "data"),
    [
        ({"amount": "2.5"}, {"amount": 2.5, "who": None}),
        ({"amount": 3, "who": "{{ 1 }}"}, {"amount": 3, "who": "{{ 1 }}"}),
    ],
)
def test_what_is_declared_is_taken(given: dict[str, Any], data: dict[str, Any]) -> None:
    """Texts are read as the declared types, and what may be missing is nothing."""
    assert read_data(load_flow(f"flow: f{FLOW}", "f"), "tip", given) == data


@pytest.mark.parametrize(
    ("name", "given", "message", "hint"),
    [
        ("tips", {}, "declares no event 'tips' from outside", "its `events`: tip, mute"),
        ("stop", {}, "declares no event 'stop' from outside", "its `events`: tip, mute"),
        ("tip", {}, "the field 'amount' is missing", "--set amount=…"),
        ("tip", {"amount": "much"}, "the field 'amount' does not fit", "--set amount=…"),
        ("tip", {"amount": "-1"}, "the field 'amount' does not fit", "--set amount=…"),
        ("tip", {"amount": 1, "when": "now"}, "has no field 'when'", "--set amount=… --set who=…"),
        ("mute", {"x": 1}, "has no field 'x'", "it takes no fields"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, given: dict[str, Any], message: str, hint: str) -> None:
    """With all that is wrong, and what would be right."""
    with pytest.raises(EventRefused) as refused:
        read_data(load_flow(f"flow: f{FLOW}", "f"), name, given)
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_an_unknown_event_is_told_once() -> None:
    """The declared ones are listed one time, behind the one that is near to it."""
    for name, hint in (("xyz", "its `events`: tip, mute"), ("tips", "did you mean 'tip'? its `events`: tip, mute")):
        with pytest.raises(EventRefused) as refused:
            read_data(load_flow(f"flow: f{FLOW}", "f"), name, {})
        assert (refused.value.hint, refused.value.kind, refused.value.exit_code) == (hint, "event", 2)


def test_an_event_that_is_sent_is_taken_once_over_a_crash() -> None:
    """What was sent while no process looked is taken by the next; what one has taken no other takes."""

    async def scene() -> None:
        world = World(FLOW)
        later(2, lambda: world.runs.request("r", "event", {"name": "tip", "data": {"amount": 2}, "by": "ann"}))
        later(10.1, lambda: world.runs.request("r", "event", {"name": "tip", "data": {"amount": 40}, "by": "kim"}))
        await world.die(10)
        run = await world.drive()
        assert run.reason == "42"
        raised = world.records("event_raised")
        assert [(record["by"], record["request"], record["data"]["amount"]) for record in raised] == [
            ("ann", 1, 2),
            ("kim", 2, 40),
        ]

    play(scene)


def test_an_event_that_is_not_expected_now_is_refused_in_the_journal() -> None:
    """Who sent it finds the reason by the number of the request; the run goes on."""

    async def scene() -> None:
        world = World(FLOW)
        later(2, lambda: world.runs.request("r", "event", {"name": "mute", "by": "ann"}))
        run = await world.drive()
        [refused] = world.records("event_refused")
        assert (refused["request"], refused["by"], refused["hint"]) == (1, "ann", "expected: tip")
        assert refused["kind"] == "not_now"
        assert run.outcome == "completed"

    play(scene)


HEALS = """
initial: setup
events: {mute: {}, tip: {}}
states:
  setup: {wait: 10s, transitions: {done: show}}
  show: {wait: 10s, transitions: {mute: {set: {m: 1}}, done: heal}}
  heal: {wait: 10s, transitions: {done: trouble, tip: {set: {m: 2}}}}
  trouble: {ask: {message: again, timeout: 10s}, transitions: {answered: show, timeout: over}}
  over: {final: completed}
"""


def test_who_sends_too_early_or_while_it_heals_is_told_what_to_do() -> None:
    """Where the run has been and goes again by itself, in a moment; else what it takes now, and where it takes that."""

    async def scene() -> None:
        world = World(HEALS)
        for at in (5, 25, 35):
            later(at, lambda: world.runs.request("r", "event", {"name": "mute", "by": "ann"}))
        await world.drive(wait=True)
        assert [(record["kind"], record["hint"]) for record in world.records("event_refused")] == [
            ("not_now", "expected: nothing from outside; 'show' takes it"),
            ("not_now", "try again in a moment: 'show' takes it; expected: tip"),
            ("not_now", "expected: nothing from outside; 'show' takes it"),
        ]

    play(scene)
