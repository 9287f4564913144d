"""Soak: a lively rehearsal with faults that lasts for hours, with its script, measurements and findings."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median, quantiles
from typing import Any

import psutil

from retake_flow.api.spelling import same_name
from retake_flow.engine.driver.runner import Runner
from retake_flow.rehearsal.setup.viewer_script import TROLL_TEXTS
from retake_flow.run.records import Record, record_to_run_time

# Seconds.
_SEGMENT = 600.0  # roughly, of chat, with silence at the end
_SETTLED = 600.0  # by then, a program has allocated what it needs
_LOOK = 10.0  # between two measurements of the memory
_LAST_WORDS = 20.0  # of silence in chat before the end; a fifth of a short soak
# The parts of a segment's chat, as shares of it.
_TALKS, _BURST = 0.8, 0.5
# Chat entries that a run handles; acts of moderation are not among them.
_HANDLED = ("message", "tip", "trade")
_RECORDED = ("chat_message", "chat_deed")
# Events that end a push, or hide a stream: a run recovers from them with a new session.
_INTERRUPTIONS = ("rotate_key", "close_push", "offline", "stall")
_LIVE, _PUSH_ENDED = "live", "push_ended"
_NAMED = 20


def script(seconds: float) -> dict[str, Any]:
    """The options of a rehearsal of `seconds` on air: a lively audience, trolls, and occasional faults."""
    lively = seconds - min(_LAST_WORDS, seconds / 5)
    segments = max(1, round(lively / _SEGMENT))
    length = lively / segments
    viewers = [part for number in range(segments) for part in _segment(number, number * length, length)]
    faults = [*_calls(seconds), *_sockets(seconds), *_streams(lively)]
    return {"seed": 1, "viewers": viewers, "faults": faults}


def _segment(number: int, begins: float, length: float) -> list[dict[str, Any]]:
    """A message every five seconds, with a burst in the middle, and silence in the last fifth."""
    talks = length * _TALKS
    over, until = talks * 0.98, begins + talks

    def repeat(every: float, first: float, **cue: object) -> dict[str, Any]:
        return {"at": begins + min(first, talks / 2), "repeat": every, "until": until, **cue}

    return [
        {"crowd": _crowd("regular", 12, max(1, int(talks / 6)), begins + 1, over)},
        {"crowd": _crowd(f"burst-{number}", 20, 40, begins + talks * _BURST, 4.0)},
        {"trolls": {"from": begins + talks * 0.1, "every": talks * 0.8 / len(TROLL_TEXTS)}},
        repeat(45, 7, name=f"newcomer-{number}-{{n}}", text="hi, I am new here"),
        repeat(70, 20, name="patron", type="tip", text="tip {n}, keep going", amount=5),
        repeat(90, 30, name=f"fan-{number}-{{n}}", type="follow"),
        repeat(100, 40, name="trader", type="trade", amount=12.5),
    ]


def _crowd(name: str, viewers: int, messages: int, begins: float, over: float) -> dict[str, Any]:
    return {"name": name, "viewers": viewers, "messages": messages, "from": begins, "over": over}


def _calls(seconds: float) -> list[dict[str, Any]]:
    """Answers that fail, come late or never come, about one in three minutes."""
    kinds: tuple[dict[str, Any], ...] = ({"status": 503}, {"delay": 3.0}, {"status": 502, "times": 2}, {"drop": True})
    count = max(1, int(seconds / 180))
    return [{"call": "GET /agent/stream/*", "after": 12, **kinds[number % len(kinds)]} for number in range(count)]


def _sockets(seconds: float) -> list[dict[str, Any]]:
    """Events that are lost or duplicated, and connections that break, about one in four minutes."""
    kinds = ("drop", "lose", "double")
    count = max(1, int(seconds / 240))
    return [{"socket": kinds[number % len(kinds)], "after": 30} for number in range(count)]


def _streams(seconds: float) -> list[dict[str, Any]]:
    """Faults per hour, or in the whole time if shorter: rotated key, frozen status, closed push, unseen stream."""
    hours = max(1, round(seconds / 3600))
    hour = seconds / hours
    plan: tuple[tuple[str, float, dict[str, Any]], ...] = (
        ("rotate_key", 0.25, {}),
        ("frozen_status", 0.45, {"lasts": hour / 60}),
        ("close_push", 0.6, {}),
        ("offline", 0.8, {}),
    )
    return [
        {"stream": kind, "at": hour * (number + share), **more} for number in range(hours) for kind, share, more in plan
    ]


class Soak:
    """Ends a run after its time on air, and measures this process meanwhile."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._started = asyncio.Event()
        self._process = psutil.Process()
        self._memory: dict[str, Any] = {}
        self._cpu = 0.0
        self._wall = 0.0

    def on_record(self, record: Record) -> None:
        """Note the start of the stream."""
        if record["event"] == "action_started" and record["action"] == "retake.start_stream":
            self._started.set()

    async def attend(self, runner: Runner) -> None:
        """Stop the run cleanly when the time is over; measure until cancelled."""
        await self._started.wait()
        began, used = time.monotonic(), self._cpu_seconds()
        settled = min(_SETTLED, self.seconds / 6)
        self._memory = {"settled_after": round(settled), "settled": 0, "end": 0, "highest": 0}
        while True:
            self._wall, self._cpu = time.monotonic() - began, self._cpu_seconds() - used
            self._sample_memory(self._wall >= settled)
            if self._wall >= self.seconds:
                break
            await asyncio.sleep(min(_LOOK, max(0.01, self.seconds - self._wall)))
        runner.stop("the rehearsal's time is over")

    def report(self, seen: Mapping[str, Any], journal: Iterable[Record]) -> dict[str, Any]:
        """The findings."""
        measured: dict[str, Any] = {"seconds": round(self._wall, 1)}
        if self._memory:
            growth = self._memory["end"] - self._memory["settled"] if self._memory["settled"] else None
            measured["memory"] = {**self._memory, "growth": growth}
            measured["cpu"] = round(self._cpu / self._wall, 4) if self._wall else None
        return {**measured, **findings(seen, journal)}

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def _sample_memory(self, settled: bool) -> None:
        weight = self._process.memory_info().rss
        if settled and not self._memory["settled"]:
            self._memory["settled"] = weight
        self._memory["end"] = weight
        self._memory["highest"] = max(weight, self._memory["highest"])


def findings(seen: Mapping[str, Any], journal: Iterable[Record]) -> dict[str, Any]:
    """Compare the platform's report with the run's journal."""
    received: dict[str, list[float]] = {}
    replies = 0
    for record in journal:
        if record["event"] in _RECORDED:
            received.setdefault(str(record.get("id")), []).append(record_to_run_time(record))
        replies += record["event"] == "chat_sent"
    written = _written_messages(seen)
    missed = [key for key in written if key not in received]
    twice = [key for key in written if len(received.get(key, ())) > 1]
    return {
        "messages": {
            "written": len(written),
            "handled": len(written) - len(missed),
            "missed": len(missed),
            "twice": len(twice),
            "named": (missed + twice)[:_NAMED],
            "replies": replies,
        },
        "reaction": _reaction([received[key][0] - at for key, at in written.items() if key in received]),
        "recoveries": list(_recoveries(seen)),
        "faults": {
            "calls": sum(bool(call.get("fault")) for call in seen["timeline"]),
            "streams": dict(Counter(strike["stream"] for strike in seen["strikes"])),
            "pending": seen["faults_pending"],
        },
        "broken_rules": [breach["text"] for breach in seen["broken_rules"]],
    }


def _written_messages(seen: Mapping[str, Any]) -> dict[str, float]:
    """The viewers' messages while there was a stream: their times, by id.

    Viewers with the agent's name do not count: in one of the shapes of chat, only the name tells them apart.
    """
    began = datetime.fromisoformat(seen["began"]).timestamp()
    found = {}
    for agent in seen["agents"]:
        # To the run, chat before the first session that was live is history.
        starts = [session["started"] for session in agent["sessions"] if session["live"] is not None]
        for comment in agent["chat"]:
            of_viewer = not comment["agent"] and not same_name(comment["name"], agent["name"])
            if of_viewer and starts and comment["t"] >= starts[0] and comment["type"] in _HANDLED:
                found[comment["id"]] = began + comment["t"]
    return found


def _reaction(seconds: Sequence[float]) -> dict[str, float | None]:
    """The time from a comment to its record, in seconds."""
    if len(seconds) < 2:
        return {"median": None, "p95": None, "longest": None}
    told = {"median": median(seconds), "p95": quantiles(seconds, n=20)[-1], "longest": max(seconds)}
    return {name: round(value, 3) for name, value in told.items()}


def _recoveries(seen: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The interruptions of a stream, and the time until it was live again; None when it never was.

    A fault during recovery belongs to the same interruption.
    """
    since: tuple[str, float] | None = None
    for at, what in sorted(_turns(seen)):
        if what != _LIVE:
            since = since or (what, at)
        elif since is not None:
            yield {"after": since[0], "at": round(since[1], 1), "seconds": round(at - since[1], 1)}
            since = None
    # The last push ends with the stream.
    if since is not None and since[0] != _PUSH_ENDED:
        yield {"after": since[0], "at": round(since[1], 1), "seconds": None}


def _turns(seen: Mapping[str, Any]) -> Iterator[tuple[float, str]]:
    """The times when a stream went live or was interrupted."""
    for agent in seen["agents"]:
        yield from ((session["live"], _LIVE) for session in agent["sessions"] if session["live"] is not None)
    for strike in seen["strikes"]:
        if strike["stream"] in _INTERRUPTIONS:
            yield strike["t"], strike["stream"]
    for push in seen["recordings"]:
        if push["closed"] is not None:
            # If a strike closed the push, the strike counts; it comes first.
            yield push["closed"] + 0.001, _PUSH_ENDED
