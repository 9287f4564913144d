"""A heart that beats for months: the stored run does not grow, and a beat costs the same at its end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache, partial

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.load.inputs import resolve
from retake_flow.run.codec import encode
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.testing.runs.rehearsed import open_flow
from retake_flow.whatif.simulate import mocks
from retake_flow.whatif.simulate.simulation import Simulation

heartbeat = cache(partial(open_flow, "heartbeat.yaml"))
#: Each time somebody waits for an answer, and the token goes up and down.
ANSWERS = b"""
credentials.load: found
retake.stream_status: {value: {is_live: false, token_address: So1}}
retake.comments: {value: {unanswered: 9, mentions: 0, cursor: "1.000/m", summary: "mira: hello?"}}
public.token_stats:
  - {value: {milestone: 0, changed: 0, changes: "", ticker: OWL, summary: still}}
  - {value: {milestone: 0, changed: 50, changes: "price +50 %", ticker: OWL, summary: up}}
"""


@dataclass
class Beaten:
    """A run of so many days.

    Attributes:
        run: As it was at their end.
        records: How often each kind of record was written.
    """

    run: Run
    records: dict[str, int] = field(default_factory=dict)


def beaten(days: int) -> Beaten:
    """Let a heart beat for so many days, in no time."""
    counts: dict[str, int] = {}

    class Counter:
        def on_record(self, record: Record) -> None:
            counts[record["event"]] = counts.get(record["event"], 0) + 1

    answers = mocks.read(ANSWERS, "answers.yaml", heartbeat(), CATALOGUE)
    simulation = Simulation(heartbeat(), resolve(heartbeat(), {}), answers, CATALOGUE, listeners=[Counter()])
    try:
        simulation.start()
        said = simulation.take(json.dumps({"advance": f"{days * 24 - 1}h"}).encode(), 1)
        assert said["configuration"] == ["resting"]
        return Beaten(simulation.run, counts)
    finally:
        simulation.close()


@pytest.fixture(scope="module")
def months() -> tuple[Beaten, Beaten]:
    """One of a week, and one of eight."""
    return beaten(7), beaten(56)


def test_eight_weeks_are_336_beats(months: tuple[Beaten, Beaten]) -> None:
    """Six a day, and none is left out."""
    assert [each.run.visits["beat"] for each in months] == [7 * 6, 56 * 6]


def test_the_stored_run_does_not_grow(months: tuple[Beaten, Beaten]) -> None:
    """The snapshot, written with every step, is as long after eight weeks as after one, but for digits of counters."""
    short, long = (len(json.dumps(encode(each.run))) for each in months)
    assert long - short < 50
    assert long < 5_000


def test_a_beat_writes_as_much_as_ever(months: tuple[Beaten, Beaten]) -> None:
    """The journal grows with the beats, and by nothing else."""
    short, long = (sum(each.records.values()) / each.run.visits["beat"] for each in months)
    assert long == pytest.approx(short, rel=0.02)
    assert round(months[1].records["state_entered"] / months[1].run.visits["beat"]) == 6
