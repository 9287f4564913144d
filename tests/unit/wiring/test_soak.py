"""A rehearsal of hours: what happens in it, and when it ends."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, get_args

import pytest

from retake_flow.rehearsal.setup.faults import StreamFault, StreamTrouble
from retake_flow.rehearsal.setup.options import Options
from retake_flow.rehearsal.setup.viewer_script import TROLL_TEXTS, cues
from retake_flow.run.records import Record, record
from retake_flow.wiring.soak import Soak, findings, script

BEGAN = 1_000_000.0


@pytest.mark.parametrize("seconds", [36.0, 600.0, 1080.0, 3600.0, 9000.0])
def test_the_script_is_lively_and_ends_before_the_stream(seconds: float) -> None:
    """In any length people write, tip, trade and follow, with all the trolls, and nobody in the last seconds."""
    options = Options.from_mapping(script(seconds))
    told = list(cues(options.viewers, options.seed))
    assert {cue.type for cue in told} == {"message", "tip", "trade", "follow"}
    assert {text for _, text in TROLL_TEXTS} <= {cue.text for cue in told}
    end = seconds - min(20, seconds / 5)
    at = [cue.at for cue in told]
    assert end * 0.75 - 200 <= max(at) <= end
    assert max(later - sooner for sooner, later in pairwise(at)) <= 200
    assert {fault.stream for fault in options.faults if isinstance(fault, StreamFault)} < set(get_args(StreamTrouble))


def test_an_hours_chat_has_its_pace_its_bursts_and_its_quiet() -> None:
    """About a message in five seconds, forty within four at times, and two minutes of silence every ten."""
    options = Options.from_mapping(script(3600.0))
    told = [cue for cue in cues(options.viewers, options.seed) if cue.type == "message"]
    at = [cue.at for cue in told]
    assert 500 <= len(told) <= 1_200
    assert max(sum(t <= other < t + 4.1 for other in at) for t in at) >= 40
    assert sum(later - sooner > 100 for sooner, later in pairwise(at)) >= 4
    assert len(script(3600.0)["viewers"]) < 50


class _Runner:
    """Takes the wish to stop."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def stop(self, reason: str) -> None:
        self.stopped.append(reason)


def test_the_time_begins_with_the_stream_and_ends_the_run() -> None:
    """Before a stream starts nothing is measured; after its time the run is told to end, cleanly."""
    soak, runner = Soak(0.05), _Runner()

    async def main() -> dict[str, Any]:
        attending = asyncio.create_task(soak.attend(runner))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        soak.on_record(record("action_started", 0, action="retake.stream_key"))
        await asyncio.sleep(0)
        assert "memory" not in soak.report(_NOTHING, [])
        soak.on_record(record("action_started", 0, action="retake.start_stream"))
        async with asyncio.timeout(60):
            await attending
        return soak.report(_NOTHING, [])

    told = asyncio.run(main())
    assert runner.stopped == ["the rehearsal's time is over"]
    assert told["seconds"] >= 0.05
    assert told["memory"]["settled"] > 1_000_000
    assert told["memory"]["growth"] == told["memory"]["end"] - told["memory"]["settled"]
    assert told["cpu"] >= 0


_NOTHING: dict[str, Any] = {
    "began": "1970-01-01T00:00:00+00:00", "agents": [], "timeline": [], "recordings": [], "strikes": [],
    "faults_pending": 0, "broken_rules": [],
}  # fmt: skip


def comment(key: str, t: float, name: str = "mira", **more: Any) -> dict[str, Any]:
    """An entry of the chat, as the report has it."""
    return {"id": key, "t": t, "name": name, "agent": False, "type": "message", "text": "x", **more}


def seen(chat: list[dict[str, Any]], lives: tuple[float | None, ...] = (1.0,), **more: Any) -> dict[str, Any]:
    """The platform's report."""
    sessions = [{"started": 0.5 if live is None else live - 0.5, "live": live} for live in lives]
    return {
        "began": "1970-01-12T13:46:40.000+00:00",
        "agents": [{"name": "Owl", "sessions": sessions, "chat": chat}],
        "recordings": [],
        "timeline": [{"status": 200}, {"status": 503, "fault": True}],
        "strikes": [],
        "faults_pending": 2,
        "broken_rules": [{"text": "a key was reused"}],
        **more,
    }


def heard(key: str, t: float, event: str = "chat_message") -> Record:
    """An entry as the run wrote it down."""
    return record(event, BEGAN + t, id=key, author="mira", text="x")


def test_each_entry_is_handled_once_or_told() -> None:
    """What is missing or came twice is counted and named; replies are counted for themselves."""
    chat = [comment("1", 2), comment("2", 3), comment("3", 4), comment("4", 5, type="tip")]
    journal = [heard("1", 2.5), heard("3", 4.5), heard("3", 9), heard("4", 5.1), record("chat_sent", BEGAN, text="hi")]
    found = findings(seen(chat), journal)["messages"]
    assert found == {"written": 4, "handled": 3, "missed": 1, "twice": 1, "named": ["2", "3"], "replies": 1}


def test_only_what_viewers_wrote_on_air_counts() -> None:
    """History, the agent's own words, acts of moderation and who bears the agent's name are nobody's to handle."""
    chat = [
        comment("old", -60),
        comment("own", 2, "Owl", agent=True),
        comment("fake", 3, "owl "),
        comment("act", 4, type="jail"),
        comment("new", 5),
    ]
    assert findings(seen(chat), [heard("new", 6)])["messages"]["written"] == 1


def test_chat_of_a_session_that_was_never_live_is_history() -> None:
    """The run reads from the first session on that was live, as on a machine that was too slow for the one before."""
    found = findings(seen([comment("early", 2), comment("new", 9)], (None, 8.5)), [heard("new", 10)])["messages"]
    assert (found["written"], found["missed"]) == (1, 0)


def test_a_trade_is_heard_as_a_deed() -> None:
    """What is written down under another name than a message counts as handled too."""
    assert findings(seen([comment("7", 2, type="trade")]), [heard("7", 3, "chat_deed")])["messages"]["missed"] == 0


def test_reactions_are_from_comment_to_record() -> None:
    """The median, what nineteen of twenty stay under, and the longest, in seconds; nothing with nothing to tell of."""
    chat = [comment(str(number), number) for number in range(1, 22)]
    journal = [heard(str(number), number + 0.1 * number) for number in range(1, 22)]
    told = findings(seen(chat), journal)["reaction"]
    assert (told["median"], told["longest"]) == (1.1, 2.1)
    assert 1.9 <= told["p95"] <= 2.1
    assert findings(seen([]), [])["reaction"] == {"median": None, "p95": None, "longest": None}


def test_a_push_that_ends_by_itself_is_an_interruption() -> None:
    """An encoder that dies is told too, what goes wrong on the way back is part of it, and the sign-off is not."""
    pushes = [{"closed": closed} for closed in (20.0, 21.5, 60.0)]
    strikes = [{"t": 21.5, "agent": "Owl", "stream": "close_push"}]
    found = findings(seen([], (1.0, 24.0), strikes=strikes, recordings=pushes), [])
    assert found["recoveries"] == [{"after": "push_ended", "at": 20.0, "seconds": 4.0}]


def test_a_recovery_ends_when_it_is_live_again() -> None:
    """Each interruption is counted to the next live session; a frozen status interrupts nothing."""
    strikes = [{"t": t, "agent": "Owl", "stream": kind} for t, kind in ((10, "rotate_key"), (20, "frozen_status"))]
    strikes.append({"t": 50, "agent": "Owl", "stream": "offline"})
    found = findings(seen([], (1.0, 13.5), strikes=strikes), [])
    assert found["recoveries"] == [
        {"after": "rotate_key", "at": 10, "seconds": 3.5},
        {"after": "offline", "at": 50, "seconds": None},
    ]
    assert found["faults"] == {"calls": 1, "streams": {"rotate_key": 1, "frozen_status": 1, "offline": 1}, "pending": 2}
    assert found["broken_rules"] == ["a key was reused"]
