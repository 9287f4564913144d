"""The report of a rehearsal in words."""

from __future__ import annotations

from typing import Any

from retake_flow.cli.session.rehearsal_report import report_lines, soak_lines

AGENT: dict[str, Any] = {
    "sessions": [{"started": 10.0, "live": 12.5, "viewers": 3}, {"started": 20.0, "live": None, "viewers": 0}],
    "thumbnails": [{"since_live": 0.3, "path": "/t/1.png"}, {"since_live": 180.0, "path": "/t/2.png"}],
    "chat": [{"name": "owl", "text": "I'm live.", "agent": True}, {"name": "ann", "text": "hi\nthere", "agent": False}],
}
VIDEO = {
    "codec": "h264", "width": 1280, "height": 720, "pixel_format": "yuv420p", "audio_codec": "aac", "frames": 300,
    "frames_per_second": 29.97, "duration_seconds": 10.01,
}  # fmt: skip
SOAK: dict[str, Any] = {
    "seconds": 3600.4,
    "messages": {"written": 900, "handled": 899, "missed": 1, "twice": 0, "named": ["5"], "replies": 77},
    "reaction": {"median": 0.021, "p95": 2.4, "longest": 8.04},
    "recoveries": [
        {"after": "rotate_key", "at": 905.2, "seconds": 4.13},
        {"after": "offline", "at": 2900.0, "seconds": None},
    ],
    "memory": {"settled_after": 600, "settled": 80 << 20, "end": 83 << 20, "highest": 84 << 20, "growth": 3 << 20},
    "cpu": 0.0123,
    "broken_rules": ["key 3 was pushed with 2 times"],
}


def told(**parts: Any) -> list[str]:
    """The lines of a report with these parts."""
    report = {
        "seconds": 75.2, "calls": 42, "keys": {"issued": 2, "used": 2, "reused": 0}, "agents": [], "recordings": [],
        "broken_rules": [], **parts,
    }  # fmt: skip
    return [line.strip() for line in report_lines(report) if line.strip()]


def test_a_rehearsal_is_told_in_few_lines() -> None:
    """How long it took, the keys, when it was on air, the thumbnails, the chat and the recording are told."""
    assert told(
        agents=[AGENT], recordings=[{"path": "/r/1.flv", "frames": 300, "video": VIDEO, "contact_sheet": "/r/1.png"}]
    ) == [
        "The rehearsal took 1m15s and 42 calls.",
        "stream keys   2 issued, 2 used, 0 used twice",
        "on air        after 2.5 s, 3 viewers",
        "thumbnails    2, the first 0.3 s after going live",
        "/t/2.png",
        "chat          1 comment, 1 message of the agent",
        "owl: I'm live.",
        "ann: hi there",
        "recording     h264 1280x720 yuv420p + aac, 300 frames, 30.0/s, 10.0 s",
        "/r/1.flv",
        "at a glance   /r/1.png",
    ]


def test_what_the_agent_wrote_to_a_neighbour_is_told_of_the_neighbour() -> None:
    """Its message there is counted; streams of others, keys that are none and chats without it are not told."""
    lark = {**AGENT, "name": "day-lark", "neighbour": True, "thumbnails": []}
    fox = {**lark, "name": "red-fox", "chat": [{"name": "ann", "text": "hi", "agent": False}]}
    keys = {"issued": 0, "used": 0, "reused": 0}
    assert told(agents=[{"sessions": [], "thumbnails": [], "chat": []}, lark, fox], keys=keys) == [
        "The rehearsal took 1m15s and 42 calls.",
        "chat of day-lark 1 comment, 1 message of the agent",
        "owl: I'm live.",
        "ann: hi there",
    ]


def test_a_rehearsal_in_which_nothing_happened_is_told_too() -> None:
    """Without an agent, pictures or video there are no empty lines about them."""
    assert len(told()) == 2
    assert len(told(agents=[{"sessions": [], "thumbnails": [], "chat": []}])) == 2


def test_a_recording_that_cannot_be_read_says_why() -> None:
    """What the probe said stands in the place of the video's size."""
    lines = told(
        recordings=[{"path": "/r/1.flv", "frames": 3, "problem": "it is cut off"}, {"path": None, "frames": 0}]
    )
    assert lines[2:] == ["recording     cannot be read: it is cut off", "/r/1.flv"]


def test_broken_rules_stand_out() -> None:
    """A rule of the platform that was broken is named."""
    assert told(broken_rules=[{"text": "a key was used twice"}])[-1] == "BROKEN RULE   a key was used twice"


def test_a_long_rehearsal_is_told_by_its_figures() -> None:
    """Chat, reaction, each recovery, memory and processor, and every broken rule, a line each."""
    assert list(soak_lines(SOAK))[1:] == [
        "On air for 1h00m.",
        "  chat          899 of 900 entries handled, 1 missed, 0 twice; 77 replies",
        "  reaction      0.02 s in the median, 2.40 s at most in 95 of 100, 8.0 s the longest",
        "  recovery      rotate_key at 15m05s: on air again after 4.1 s",
        "  recovery      offline at 48m20s: never came back",
        "  memory        80.0 MiB after 10m00s, 83.0 MiB at the end (+3.0)",
        "  processor     1.23 % of a core",
        "  BROKEN RULE   key 3 was pushed with 2 times",
    ]


def test_what_was_not_measured_is_not_told() -> None:
    """A run that never streamed, or ended before it had settled, has fewer lines."""
    nothing = {"median": None, "p95": None, "longest": None}
    early = {"settled_after": 600, "settled": 0, "end": 80 << 20, "highest": 80 << 20, "growth": None}
    bare = {**SOAK, "reaction": nothing, "recoveries": [], "broken_rules": []}
    told = list(soak_lines({**bare, "memory": early, "cpu": None}))
    assert told[-1] == "  memory        80.0 MiB at the end"
    assert len(list(soak_lines({name: value for name, value in bare.items() if name != "memory"}))) == 3
