"""A rehearsal of hours: what happens in it, and when it ends."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from retake_flow.rehearsal.setup import trolls
from retake_flow.rehearsal.setup.crowd import cues
from retake_flow.rehearsal.setup.options import Options
from retake_flow.rehearsal.setup.stream_faults import TROUBLES, StreamFault
from retake_flow.run.records import record
from retake_flow.wiring.soak import Soak, script


@pytest.mark.parametrize("seconds", [36.0, 600.0, 1080.0, 3600.0, 9000.0])
def test_the_script_is_lively_and_ends_before_the_stream(seconds: float) -> None:
    """In any length people write, tip, trade and follow, with all the trolls, and nobody in the last seconds."""
    options = Options.from_mapping(script(seconds))
    told = list(cues(options.viewers, options.seed))
    assert {cue.type for cue in told} == {"message", "tip", "trade", "follow"}
    assert {text for _, text in trolls.STOCK} <= {cue.text for cue in told}
    end = seconds - min(20, seconds / 5)
    at = [cue.at for cue in told]
    assert end * 0.75 - 200 <= max(at) <= end
    assert max(later - sooner for sooner, later in pairwise(at)) <= 200
    assert {fault.stream for fault in options.faults if isinstance(fault, StreamFault)} < set(TROUBLES)


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
    """Before a stream starts nothing is measured; after its time the run is told to end, in order."""
    soak, runner = Soak(0.05), _Runner()

    async def main() -> dict[str, Any]:
        attending = asyncio.create_task(soak.attend(runner))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        soak.on_record(record("action_started", 0, action="retake.stream_key"))
        await asyncio.sleep(0)
        assert "memory" not in soak.report(_NOTHING, [])
        soak.on_record(record("action_started", 0, action="retake.start_stream"))
        async with asyncio.timeout(20):
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
