"""Following a run that somebody else drives."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from cli_command import Command
from stored_runs import DEAD, ESCAPES, a_gate, ended, stored

from retake_flow.cli.run_commands import watch
from retake_flow.ports.runs import Claim, Runs
from retake_flow.run.records import Record, record
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process

RUN = Run("owl-1", "go-live", "d" * 64, {}, phase=Phase.RUNNING, state="on/air")


def entered(number: int) -> Record:
    """A record that says something."""
    return record("state_entered", float(number), state=f"s{number:02}", visit=1)


Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Has something done once, between the first two looks of the command."""

    def do(work: Callable[[], object]) -> None:
        works = [work]

        def pause(_seconds: float) -> None:
            if works:
                works.pop()()

        monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=pause, time=time.time))

    return do


def ending(claim: Claim, outcome: str) -> Callable[[], None]:
    """Ends a run."""

    def end() -> None:
        claim.write(RUN, [entered(50)])
        told = record("run_ended", 60.0, run="owl-1", outcome=outcome, state="z", reason="")
        phase = Phase.FAULTED if outcome == "failed" else Phase.COMPLETED
        claim.write(replace(RUN, phase=phase, outcome=outcome), [told])

    return end


@pytest.mark.parametrize(("outcome", "code"), [("completed", 0), ("verified", 0), ("failed", 1)])
def test_a_run_is_followed_to_its_end(
    command: Command, store: Runs, outcome: str, code: int, meanwhile: Meanwhile
) -> None:
    """What happens is shown as it happens; the exit code says how the run ended."""
    claim = stored(store, "owl-1", records=[entered(n) for n in range(15)], holder=this_process())
    meanwhile(ending(claim, outcome))
    said = command("watch", "last")
    words = [line.split("  ")[1] for line in said.out.splitlines()]
    assert words == [f"→ s{n:02}" for n in (*range(5, 15), 50)] + [f"{outcome} in z"]
    assert said.code == code


def test_a_program_gets_the_whole_journal(command: Command, store: Runs, meanwhile: Meanwhile) -> None:
    """With JSON all records come, those of before too, and the end is the last."""
    before = [entered(n) for n in range(15)]
    claim = stored(store, "owl-1", records=before, holder=this_process())
    meanwhile(ending(claim, "completed"))
    said = command("watch", "owl-1", "--json")
    assert said.records[:15] == [{"number": number, **one} for number, one in enumerate(before, 1)]
    assert [one["number"] for one in said.records[15:]] == [16, 17]
    assert [one["event"] for one in said.records[15:]] == ["state_entered", "run_ended"]


def test_a_run_that_has_ended_is_told_at_once(command: Command, store: Runs) -> None:
    """To watch an ended run shows the end of its journal, and gives the same exit code."""
    ended(store)
    said = command("watch", "owl-1")
    assert (said.code, said.out.split("  ")[1]) == (0, "completed in done\n")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_suspended_run_ends_the_watching_with_4(command: Command, store: Runs, form: tuple[str, ...]) -> None:
    """A run that waits for a person without a process will not go on by itself."""
    gate = a_gate()
    parked = record(
        "run_suspended",
        2.0,
        run="owl-1",
        state="on/air",
        gates=[{"gate": gate.id, "answer_with": "retake-flow answer …"}],
    )
    stored(store, "owl-1", gate, records=[parked, entered(1), parked])
    said = command("watch", "owl-1", *form)
    assert said.code == 4
    if form:
        assert said.records == [{"number": n, **one} for n, one in enumerate([parked, entered(1), parked], 1)]
    else:
        assert said.out.splitlines()[-1].endswith("then: retake-flow resume owl-1")


def test_that_the_process_has_died_is_said_once(command: Command, store: Runs, meanwhile: Meanwhile) -> None:
    """The watcher says that nothing goes on and how to go on, once, and follows whoever takes the run over."""
    stored(store, "owl-1", holder=DEAD)

    def take_over() -> None:
        ending(store.claim("owl-1", this_process()), "completed")()

    meanwhile(take_over)
    said = command("watch", "owl-1")
    told = "! owl-1: the process that drove it has died (resume it with `retake-flow resume owl-1`)"
    assert [line.split("  ")[1] for line in said.out.splitlines()] == [told, "→ s50", "completed in z"]
    assert said.code == 0


def test_ctrl_c_ends_the_watching_alone(command: Command, store: Runs, meanwhile: Meanwhile) -> None:
    """An interruption ends with 130, and the run knows nothing of it."""
    claim = stored(store, "owl-1", holder=this_process())
    meanwhile(lambda: os.kill(os.getpid(), signal.SIGINT))
    assert command("watch", "owl-1").code == 130
    assert claim.requests() == []


def test_what_viewers_wrote_cannot_reach_into_the_terminal(command: Command, store: Runs) -> None:
    """Control sequences in a chat message are left out."""
    said = {"t": "2026-01-01T00:00:00.000Z", "event": "chat_message", "author": "ann", "text": ESCAPES}
    ended(store, "owl-1")
    stored(store, "owl-2", records=[said], phase=Phase.COMPLETED, outcome="completed")
    out = command("watch", "owl-2").out
    assert "ann: red" in out
    assert all(character.isprintable() or character == "\n" for character in out)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_that_the_stream_is_off_air_is_said_with_for_how_long(
    command: Command, store: Runs, form: tuple[str, ...], meanwhile: Meanwhile
) -> None:
    """At once, and not with every look."""
    now = time.time()
    live = {"viewers": 1, "is_live": True, "uptime_seconds": 600}
    records = [
        record("activity_started", now - 400, activity="on:encoder", visit=1, action="studio.encoder", inputs={}),
        record("activity_result", now - 301, activity="on:status", visit=1, outcome="done", result=live),
        record("activity_ended", now - 300, activity="on:encoder", visit=1, outcome="exited", reason="it died"),
    ]
    claim = stored(store, "owl-1", records=records, holder=this_process())
    meanwhile(ending(claim, "completed"))
    said = command("watch", "owl-1", *form)
    if form:
        (told,) = [one for one in said.records if one["event"] == "off_air"]
        assert told["seconds"] >= 300
    else:
        (line,) = [line for line in said.out.splitlines() if "off air" in line]
        assert line.split("  ")[1].startswith("! off air for 5m")
