"""Brief: the status of a run, as one small JSON object with a stable schema."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any, Final

from retake_flow import printable
from retake_flow.monitor.following import Following
from retake_flow.ports.runs import OpenGate, ReadableRuns
from retake_flow.run.records import masked, timestamp
from retake_flow.run.run import Phase, Run
from retake_flow.sanitize import cut

#: The size of it with the commands that make sense, in bytes of JSON.
MOST: Final = 1024
#: The length of a text in it, the number of questions (`gates` lists all) and of commands: as they are given, and what
#: is tried in turn while it is too large.
_MEASURES: Final = ((120, 2, 4), (80, 1, 4), (60, 1, 2), (30, 1, 1), (12, 0, 1))


def status(followed: Following) -> dict[str, Any]:
    """The status of a run and the useful commands, in at most `MOST` bytes if names have a usual length."""
    commands = next_commands(followed)
    for longest, gates, most in _MEASURES:
        found = {**brief(followed, longest, gates), "next": commands[:most]}
        if len(json.dumps(found, ensure_ascii=False).encode()) < MOST:
            break
    return found


def brief(followed: Following, longest: int = 120, most_gates: int = 2) -> dict[str, Any]:
    """The status of a run within these limits; see `status --json` in `schemas/output.schema.json`."""
    stored, figures = followed.stored, followed.figures
    run, health = stored.run, figures.vitals.data(followed.now)
    now = followed.now - run.ahead
    on_air, asked = followed.on_air, followed.gates
    found: dict[str, Any] = masked(
        {
            "run": run.id,
            "agent": stored.agent,
            "phase": run.phase.value,
            "state": run.state,
            "on_air": on_air,
            "since": timestamp(round(now - health["uptime_seconds"])) if on_air else None,
            "remaining": remaining(run, now),
            "scene": _short(followed.scene, longest) or None,
            "page": stream_page(run),
            "viewers": health.get("viewers") if on_air else None,
            "healthy": on_air and not health.get("slow_for"),
            "trouble": _short(followed.trouble, longest),
            "gates": [_gate(one, longest) for one in asked[:most_gates]],
            "unread": figures.unanswered,
            "stats": followed.stats,
            "outcome": run.outcome,
        }
    )
    return found


def next_commands(followed: Following, read: str = "") -> list[str]:
    """The commands that make sense now, the most useful first.

    `read` is the id of the last message in chat that was read, so that `chat` continues after it.
    """
    run = followed.run
    if followed.over:
        return [f"retake-flow show {run} --json"]
    if followed.stored.run.has_ended and followed.driven:
        return [f"retake-flow wait {run} --until ended --within 50s --json"]
    answers = [f"retake-flow gates {run} --json"] if followed.gates else []
    if not followed.driven:  # a run that was suspended at a question would only be suspended again
        parked = answers and followed.stored.run.phase is Phase.SUSPENDED
        goes_on = (
            "retake-flow runs --json" if followed.stored.submitted else f"retake-flow resume {run} --detach --json"
        )
        return answers if parked else [goes_on, *answers]
    if followed.on_air:
        after = f"--after {shlex.quote(read)} " if read else ""
        more = f"retake-flow chat {run} {after}--wait 50s --json", f"retake-flow status {run} --json"
        return [*answers, *more, f"retake-flow stop {run} --json"]
    return [*answers, f"retake-flow wait {run} --until on-air --within 50s --json"]


def next_for(store: ReadableRuns, run: str, read: str = "") -> list[str]:
    """The commands that make sense now for a run; `read` as for `next_commands`."""
    return next_commands(Following(store, run), read)


def exit_code(followed: Following) -> int:
    """The exit code for the status of a run: 0, 1 if it has failed, or 4 if it waits for a person."""
    run = followed.stored.run
    if run.has_ended:
        return 0 if run.has_succeeded else 1
    return 4 if followed.gates and not followed.on_air else 0


def lines(data: dict[str, Any]) -> list[str]:
    """The brief for people."""
    first, *rest = map(printable.line, _lines(data))
    return [first, *(f"  {line}" for line in rest)]


def _lines(data: dict[str, Any]) -> Iterator[str]:
    agent = f" for {data['agent']}" if data["agent"] else ""
    yield f"{data['run']}{agent}: {data['phase']} in {data['state'] or 'no state'}"
    if data["on_air"]:
        left = "" if data["remaining"] is None else f", {data['remaining']} s left"
        yield f"on air since {data['since']}{left}, {data['viewers'] or 0} watching"
    if data["scene"]:
        yield f"scene: {data['scene']}"
    if data["page"]:
        yield f"{data['page']}"
    if data["trouble"]:
        yield f"{data['trouble']}"
    for gate in data["gates"]:
        yield f"asks: {gate['message']}"


def _gate(asked: OpenGate, longest: int) -> dict[str, Any]:
    return {"gate": asked.gate.id, "message": _short(asked.damage or asked.gate.message, longest)}


def stream_page(run: Run) -> str | None:
    """The address of the stream, as the platform gave it."""
    pages = [value["page"] for value in run.outputs.values() if isinstance(value, dict) and value.get("page")]
    return str(pages[-1]) if pages else None


def remaining(run: Run, now: float) -> int | None:
    """The seconds until the last time limit of a stored run expires; None without a limit.

    Args:
        run: The run as it is stored, with due times by the wall clock.
        now: The time by the wall clock.
    """
    limits = [due for (_, purpose), due in run.timers.items() if purpose == "timeout"]
    return None if run.has_ended or not limits else max(0, round(max(limits) - now))


def _short(text: str, longest: int) -> str:
    return cut(" ".join(text.split()), longest)
