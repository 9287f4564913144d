"""How a run looks from outside."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
from rich.console import Console

from retake_flow.cli.session.live_view import LiveView
from retake_flow.cli.session.views import JsonView, PlainView, view_for
from retake_flow.run.records import Record, record

STORY = [
    record("run_started", 0, run="r", flow="owl"),
    record("state_entered", 1, state="on/air", visit=1),
    record("activity_started", 1, activity="on/air:health", visit=1, action="x.y", inputs={}),
    record("activity_result", 2, activity="on/air:health", visit=1, outcome="done", result={"viewers": 7}),
    record("chat_message", 3, author="ann", text="[red]hi[/red]"),
    record("run_ended", 4, run="r", outcome="completed", state="z", reason=""),
]
REPORT: dict[str, Any] = {
    "seconds": 9.0, "calls": 3, "keys": {"issued": 1, "used": 1, "reused": 0}, "agents": [], "recordings": [],
    "broken_rules": [],
}  # fmt: skip


def json_lines(capsys: pytest.CaptureFixture[str]) -> list[Record]:
    """What was written, as JSON objects."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_lines_are_the_records_and_the_end_is_last(capsys: pytest.CaptureFixture[str]) -> None:
    """Each record is one line of JSON; `run_ended` comes last, after the report of the rehearsal."""
    with view_for(True, "owl") as view:
        for one in STORY:
            view.on_record(one)
        view.report(REPORT)
    written = json_lines(capsys)
    assert [one["event"] for one in written] == [one["event"] for one in STORY[:-1]] + ["rehearsal_report", "run_ended"]
    assert all({"t", "event"} <= one.keys() for one in written)
    assert written[-2]["calls"] == 3


def test_the_end_is_written_even_when_something_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    """When the program fails after the run has ended, the last line still says how it ended."""

    def broken() -> None:
        with view_for(True, "owl") as view:
            view.on_record(STORY[-1])
            raise RuntimeError("later")

    with pytest.raises(RuntimeError, match="later"):
        broken()
    assert [one["event"] for one in json_lines(capsys)] == ["run_ended"]


def test_what_was_not_the_last_after_all_is_printed_in_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that was suspended and goes on has both records in their order; what was printed before is not again."""
    parked = record("run_suspended", 5, run="r", state="a", gates=[])
    with view_for(True, "owl") as view:
        view.earlier(STORY[0])
        for one in (STORY[1], parked, STORY[2], STORY[-1]):
            view.on_record(one)
    assert json_lines(capsys) == [STORY[1], parked, STORY[2], STORY[-1]]


def test_a_line_is_written_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Who reads along sees a record as soon as it happens."""
    JsonView().on_record(STORY[0])
    assert json_lines(capsys) == [STORY[0]]


def test_where_nobody_sits_at_a_terminal_lines_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """In a log each line has a time and words, without any control sequence."""
    with view_for(False, "owl") as view:
        assert isinstance(view, PlainView)
        for one in STORY:
            view.on_record(one)
        view.report(REPORT)
    written = capsys.readouterr().out
    assert [line[10:] for line in written.splitlines()[:4]] == [
        "run r of owl", "→ on/air", "ann: [red]hi[/red]", "completed in z",
    ]  # fmt: skip
    assert "The rehearsal took 9s and 3 calls." in written
    assert "\x1b" not in written


def live(records: list[Record]) -> str:
    """What a live view shows of these records at their end, in a terminal of a hundred columns."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=False, width=100, color_system=None)
    with LiveView("owl", console) as view:
        for one in records:
            view.on_record(one)
        console.print(view._picture())
    return out.getvalue()


def row(shown: str, name: str) -> str:
    """A row of the picture."""
    [found] = [
        line.strip("│ ").removeprefix(name).strip() for line in shown.splitlines() if line.strip("│ ").startswith(name)
    ]
    return found


def test_the_live_view_says_which_scene_is_on() -> None:
    """The scene is told from the stage's first paint on, and as it changes."""
    begun = record("activity_started", 1, activity="on/air:screen", visit=1, action="studio.content", inputs={})
    shows = record("activity_ready", 1, activity="on/air:screen", visit=1, value={"shows": "stage"})
    assert "scene" not in live([begun])
    assert row(live([begun, shows]), "scene") == "starting"
    assert row(live([begun, shows, record("scene_set", 2, to="[b]desk")]), "scene") == "[b]desk"


def test_the_live_view_shows_how_things_stand() -> None:
    """State, what runs, viewers and the last of the chat are to be seen."""
    shown = live(STORY[:-1])
    assert row(shown, "state") == "on/air"
    assert row(shown, "running") == "health running"
    assert row(shown, "viewers") == "7"
    assert row(shown, "chat") == "ann: [red]hi[/red]"


def test_the_live_view_shows_how_the_stream_does() -> None:
    """Time on air and what the encoder sends stand in the picture once they are known, and not before."""
    assert not any(line.strip("│ ").startswith("encoder") for line in live(STORY[:-1]).splitlines())
    now = time.time()
    status = {"viewers": 12, "is_live": True, "uptime_seconds": 754}
    sent = {
        "bitrate": 1480.4,
        "fps": 30.0,
        "frames": 22620,
        "dropped": 3,
        "speed": 1.0,
        "seconds": 754.0,
        "slow_for": 0.0,
    }
    shown = live(
        [
            record("activity_result", now, activity="on/air:status", visit=1, outcome="done", result=status),
            record("activity_result", now, activity="on/air:encoding", visit=1, outcome="done", result=sent),
        ]
    )
    assert row(shown, "on air").startswith("12m")
    assert row(shown, "encoder") == "1480 kbit/s, 30 fps, 22620 frames, 3 dropped, speed 1.00"


def test_the_live_view_shows_that_the_stream_is_down() -> None:
    """In the place of the time on air, with how long it has been."""
    now = time.time()
    live_for = {"viewers": 12, "is_live": True, "uptime_seconds": 754}
    shown = live(
        [
            record("activity_started", now - 300, activity="on:encoder", visit=1, action="studio.encoder", inputs={}),
            record("activity_result", now - 299, activity="on:status", visit=1, outcome="done", result=live_for),
            record("activity_ended", now - 240, activity="on:encoder", visit=1, outcome="exited", reason="it died"),
        ]
    )
    assert row(shown, "stream").startswith("off air for 4m")
    assert "on air  " not in shown.replace("off air", "")


def test_the_live_view_shows_how_old_the_run_is() -> None:
    """The title counts from the beginning of the run, not of the looking."""
    assert "owl · 2h00m · " in live([record("run_started", time.time() - 7200.5, run="r", flow="owl")])


def test_what_has_ended_is_no_longer_shown() -> None:
    """An activity leaves the picture when it ends or when its state is left."""
    started = record("activity_started", 1, activity="on/air:chat", visit=1, action="x.y", inputs={})
    ended = record("activity_ended", 2, activity="on/air:chat", visit=1, outcome="error.studio")
    assert row(live([started]), "running") == "chat starting"
    assert row(live([started, ended]), "running") == "nothing"
    assert row(live([started, record("state_left", 2, state="on/air", visit=1)]), "running") == "nothing"


def test_only_the_last_of_the_chat_stays() -> None:
    """Four lines of chat remain in the picture, each viewer's words on one line."""
    shown = live([record("chat_message", n, author="ann", text=f"no {n}\nmore") for n in range(6)])
    picture = shown[shown.index("╭") :]
    assert "no 1 more" not in picture
    assert all(f"ann: no {n} more" in picture for n in range(2, 6))
