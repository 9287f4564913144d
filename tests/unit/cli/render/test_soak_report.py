"""The report of a long rehearsal in words."""

from __future__ import annotations

from typing import Any

from retake_flow.cli.render.soak_report import soak_lines

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
