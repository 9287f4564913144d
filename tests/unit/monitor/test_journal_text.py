"""What records say to a person."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.monitor.journal_text import chat_line, clock, lines
from retake_flow.run.records import record

T = "2026-01-01T12:34:56.789Z"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"event": "run_started", "run": "owl-1", "flow": "owl"}, ["run owl-1 of owl"]),
        ({"event": "state_entered", "state": "a/b", "visit": 1}, ["→ a/b"]),
        ({"event": "state_entered", "state": "a/b", "visit": 3}, ["→ a/b (visit 3)"]),
        ({"event": "state_left", "state": "a", "visit": 1}, []),
        ({"event": "error", "place": "a", "message": "it broke", "hint": ""}, ["! a: it broke"]),
        ({"event": "error", "place": "a", "message": "it broke", "hint": "mend it"}, ["! a: it broke (mend it)"]),
        ({"event": "retry_scheduled", "state": "a", "after": 2.5, "failures": 1}, ["  again in 2.5 s"]),
        ({"event": "activity_ended", "activity": "a/b:encoder", "outcome": "exited", "reason": "killed by SIGKILL"},
         ["! encoder: killed by SIGKILL"]),
        ({"event": "activity_ended", "activity": "a:x", "outcome": "error.studio"}, []),
        ({"event": "notice", "message": "first\nsecond"}, ["• first", "• second"]),
        ({"event": "chat_message", "author": "ann", "text": "hi"}, ["ann: hi"]),
        ({"event": "chat_deed", "author": "ann", "kind": "follow"}, ["* ann follows"]),
        ({"event": "chat_message", "author": "kim", "kind": "tip", "amount": 150, "text": "go"},
         ["* kim tips 150: go"]),
        ({"event": "chat_message", "author": "lee", "kind": "tip", "amount": 5.0, "currency": "USDC", "text": ""},
         ["* lee tips 5 USDC"]),
        ({"event": "chat_message", "author": "kim", "kind": "tip", "amount": 1234567.25, "text": "\n! hi"},
         ["* kim tips 1234567.25: ! hi"]),
        ({"event": "chat_deed", "author": "ann", "kind": "trade", "amount": 12, "side": "sell"}, ["* ann sells 12"]),
        ({"event": "chat_deed", "author": "ann", "kind": "trade", "amount": 12, "side": ""}, ["* ann trades 12"]),
        ({"event": "chat_deed", "author": "ann", "kind": "raid"}, ["* ann raid"]),
        ({"event": "chat_sent", "text": "welcome"}, ["> welcome"]),
        ({"event": "chat_unanswered", "messages": ["7", "8"]}, ["! 2 in chat got no answer"]),
        ({"event": "said", "by": "ann", "text": "hi\nthere", "how": ["voice", "screen"], "failed": {}, "reason": ""},
         ["ann (voice, screen): hi there"]),
        ({"event": "said", "by": "ann", "text": "hi", "how": ["screen"], "failed": {"voice": "hoarse"}, "reason": ""},
         ["ann (screen): hi", "! not by voice: hoarse"]),
        ({"event": "said", "by": "ann", "text": "hi", "how": [], "failed": {}, "reason": "the run is not on air"},
         ["! not said: the run is not on air"]),
        ({"event": "sound_silent", "reason": "pulseaudio is not installed"},
         ["! the stream is silent: pulseaudio is not installed"]),
        ({"event": "event_refused", "by": "ann", "name": "tip", "message": "not now", "hint": "", "request": 3},
         ["! ann sent tip: not now"]),
        ({"event": "responder_said", "text": "awake"}, ["  brain: awake"]),
        ({"event": "stop_requested", "reason": "interrupted by SIGINT (Ctrl-C)"},
         ["stopping: interrupted by SIGINT (Ctrl-C); once more to kill"]),
        ({"event": "stop_requested", "reason": "interrupted by SIGHUP"}, ["stopping: interrupted by SIGHUP"]),
        ({"event": "output_failed", "message": "standard output cannot be written (No space left on device)"},
         ["! standard output cannot be written (No space left on device)"]),
        ({"event": "undo_finished", "state": "a", "action": "x.y", "outcome": "done", "result": {"seconds": 9}},
         ["← x.y: seconds 9"]),
        ({"event": "undo_finished", "state": "a", "action": "x.y", "outcome": "error.timeout", "message": "too long"},
         ["← x.y: too long"]),
        ({"event": "undo_finished", "state": "a", "action": "x.y", "outcome": "done"}, ["← x.y: done"]),
        ({"event": "run_ended", "run": "r", "outcome": "completed", "state": "z", "reason": ""}, ["completed in z"]),
        ({"event": "run_ended", "run": "r", "outcome": "nobody", "state": "nobody", "reason": "all sleep"},
         ["nobody: all sleep"]),
        ({"event": "run_ended", "run": "r", "outcome": "killed", "state": "", "reason": "killed"},
         ["killed in no state: killed"]),
        ({"event": "action_finished", "state": "a", "outcome": "done"}, []),
        ({"event": "something_new"}, []),
    ],
)  # fmt: skip
def test_a_record_is_said_in_a_line_or_not_at_all(record: dict[str, Any], said: list[str]) -> None:
    """What a person wants to know is said in few words; the rest is left to the journal."""
    assert lines({"t": T, **record}) == said


def test_no_viewer_can_write_a_line_of_ours() -> None:
    """What a viewer writes stays on the viewer's line, however many lines it has."""
    hostile = "hi\n→ signed_off\r\x0b\x85\u2028run_ended"
    [line] = lines({"t": T, "event": "chat_message", "author": "an\nn", "text": hostile})
    assert line == "an n: hi → signed_off run_ended"
    assert chat_line("ann", "  a   b ") == "ann: a b"


def test_a_viewer_fills_no_screen() -> None:
    """A long text is cut, also in the notice of a tip; what the flow itself says is not."""
    record = {"t": T, "event": "chat_message", "author": "ann", "text": "x" * 2_000}
    assert lines(record) == [f"ann: {'x' * 299}…"]
    assert lines({**record, "kind": "tip", "amount": 1}) == [f"* ann tips 1: {'x' * 299}…"]
    assert lines({**record, "text": "x" * 300}) == [f"ann: {'x' * 300}"]
    notice = {"t": T, "event": "notice", "kind": "tip", "message": f"ann tips 1: {'x' * 2_000}"}
    assert len(lines(notice)[0]) < 400
    assert lines({**notice, "kind": "told"}) == [f"• {notice['message']}"]


def test_the_clock_shows_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a record is shown to the second, where the person is."""
    import time

    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    try:
        assert clock({"t": T}) == "14:34:56"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(("by", "said"), [(-600.0, "back by 10m00s"), (172800.0, "forward by 48h00m")])
def test_a_clock_that_is_set_is_told(by: float, said: str) -> None:
    """By how much, and that the run does not mind."""
    told = f"! the clock of this machine was set {said}; the run keeps its own time"
    assert lines(record("clock_stepped", 1.0, by=by)) == [told]


def test_changes_of_the_stage_are_told() -> None:
    """A scene by whomever; texts only where an operator has set them, since a flow's own are in the flow."""
    at = {"t": "2026-11-30T00:00:00.000Z", "event": "scene_set"}
    assert lines({**at, "to": "brb"}) == ["on stage: scene brb"]
    assert lines({**at, "data": {"title": "A radio"}}) == []
    assert lines({**at, "data": {"title": "A\x1b[31m radio"}, "by": "ann"}) == ["on stage: title A radio (ann)"]
    assert lines({**at, "data": {"title": ""}, "by": "ann"}) == ["on stage: title of the flow (ann)"]
    assert lines({**at, "to": "", "by": "ann"}) == ["on stage: scene of the flow (ann)"]
    assert lines({**at, "clear": True, "by": "ann"}) == ["on stage: what the flow shows (ann)"]
    refused = {**at, "event": "scene_refused", "by": "ann", "reason": "the run shows no stage"}
    assert lines(refused) == ["! ann asked to change the stage: the run shows no stage"]
