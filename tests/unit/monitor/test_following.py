"""How a run stands, as another process reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import US, a_run, created, said

from retake_flow.monitor import following
from retake_flow.monitor.following import Following, Polling
from retake_flow.monitor.run_status import RunStatus
from retake_flow.ports.runs import Stored
from retake_flow.run.records import record
from retake_flow.run.run import PendingUndo, Phase
from retake_flow.store.holders import this_process
from retake_flow.store.memory import MemoryRuns

OVER = a_run(phase=Phase.COMPLETED, outcome="completed")
OWED = replace(OVER, undoing=(PendingUndo("a", "a", "retake.stop_stream", {}),))


def test_a_run_is_over_when_everything_is_undone_and_its_process_lets_go() -> None:
    """It has its outcome before that: while it signs off, and while its programs end."""
    store = MemoryRuns()
    claim = created(store, holder=this_process())
    followed = Following(store, a_run().id)
    for run in (OWED, OVER):
        claim.write(run, [])
        followed.look()
        assert (followed.stored.run.has_ended, followed.over) == (True, False)
    claim.release()
    followed.look()
    assert followed.over


def test_a_run_that_owes_something_and_has_no_process_is_not_over() -> None:
    """Its process died while it signed off: `resume` does the rest."""
    store = MemoryRuns()
    created(store, OWED).release()
    assert not Following(store, OWED.id).over


def test_records_are_read_from_a_number_on_and_counted_once() -> None:
    """Records that the stored figures count already can be read again; the figures stay right."""
    store = MemoryRuns()
    claim = created(store, holder=US)
    claim.write(a_run(), [said("chat_message")] * 4)
    stored: Stored = store.load(a_run().id)
    stored.figures.count(store.journal(a_run().id)[:3])
    followed = Following(store, a_run().id, after=1)
    assert (list(followed.records), followed.figures.unanswered) == ([2, 3, 4], 4)
    claim.write(a_run(), [said("chat_message")])
    followed.look()
    assert (list(followed.records), followed.figures.number, followed.figures.unanswered) == ([5], 5, 5)


class Submitted(MemoryRuns):
    """A store whose runs any host may drive."""

    def load(self, run: str) -> Stored:
        return replace(super().load(run), submitted=True)


@pytest.mark.parametrize(
    ("store", "said"), [(MemoryRuns(), "no process drives it"), (Submitted(), "it waits for a host")]
)
def test_show_and_status_say_the_same_of_a_run_without_a_process(store: MemoryRuns, said: str) -> None:
    """A submitted one is resumed by the next host, and by no command."""
    claim = created(store)
    began = record("activity_started", 1.0, activity="on:encoder", action="studio.encoder")
    claim.write(a_run(), [began, record("activity_result", 2.0, result={"is_live": True, "uptime_seconds": 1})])
    claim.release()
    shown = RunStatus(store, a_run().id)
    assert shown.undriven["message"] == said
    assert shown.figures.vitals.stream(shown.now).endswith(f": {said}")


def test_it_goes_on_until_the_time_is_over() -> None:
    """Without any time there is one look, the one that was taken."""
    assert not Polling(0.0).wait_for_next()
    polling = Polling(3600.0, 0.0)
    assert all(polling.wait_for_next() for _ in range(3))


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of whoever waits."""
    clock = Clock()
    monkeypatch.setattr(following, "time", clock)
    return clock


def test_a_machine_that_stands_still_leaves_time_for_the_next_reading(clock: Clock) -> None:
    """It uses up no more of the time than a slow reading."""
    polling = Polling(10.0, 1.0)
    clock.now += 30.0
    assert [polling.wait_for_next() for _ in range(7)] == [True] * 5 + [False] * 2


def test_standing_still_in_a_pause_uses_up_nothing_however_often(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time that a command waits is pauses."""

    def stand_still(seconds: float) -> None:
        clock.now += 3600.0

    monkeypatch.setattr(clock, "sleep", stand_still)
    polling = Polling(10.0, 1.0)
    assert [polling.wait_for_next() for _ in range(11)] == [True] * 10 + [False]


def test_slow_readings_use_the_time_up(clock: Clock) -> None:
    """The first may be a machine that stood still; after the last, nothing is waited for."""
    polling = Polling(30.0, 1.0)
    readings = 0
    while polling.wait_for_next():
        clock.now += 8.0
        readings += 1
    assert (readings, clock.now) == (4, 36.0)


def test_the_last_pause_is_as_long_as_the_time_that_is_left(clock: Clock) -> None:
    """A long pause makes nobody wait longer than asked."""
    polling = Polling(1.5, 1.0)
    assert [polling.wait_for_next() for _ in range(3)] == [True, True, False]
    assert clock.now == 1.5
