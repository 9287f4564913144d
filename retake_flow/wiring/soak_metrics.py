"""Soak metrics: which messages of a rehearsal a run received, how soon, and how it came back on air."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from retake_flow.api.spelling import same_name
from retake_flow.run.dates import record_to_run_time
from retake_flow.run.records import Record

# Chat entries that a run handles; acts of moderation are not among them.
_HANDLED = ("message", "tip", "trade")
_RECORDED = ("chat_message", "chat_deed")
# Events that end a push, or hide a stream: a run recovers from them with a new session.
_INTERRUPTIONS = ("rotate_key", "close_push", "offline", "stall")
_LIVE, _PUSH_ENDED = "live", "push_ended"
_NAMED = 20


def findings(seen: Mapping[str, Any], journal: Iterable[Record]) -> dict[str, Any]:
    """Compare the platform's report with the run's journal.

    Args:
        seen: The platform's report.
        journal: All records of the run.
    """
    heard: dict[str, list[float]] = {}
    replies = 0
    for record in journal:
        if record["event"] in _RECORDED:
            heard.setdefault(str(record.get("id")), []).append(record_to_run_time(record))
        replies += record["event"] == "chat_sent"
    written = _written_messages(seen)
    missed = [key for key in written if key not in heard]
    twice = [key for key in written if len(heard.get(key, ())) > 1]
    return {
        "messages": {
            "written": len(written),
            "handled": len(written) - len(missed),
            "missed": len(missed),
            "twice": len(twice),
            "named": (missed + twice)[:_NAMED],
            "replies": replies,
        },
        "reaction": _reaction([heard[key][0] - at for key, at in written.items() if key in heard]),
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
        starts = [session["started"] for session in agent["sessions"]]
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
