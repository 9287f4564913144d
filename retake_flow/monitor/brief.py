"""Brief: how a run stands, as one small JSON object of a stable shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retake_flow import printable
from retake_flow.monitor.following import Following
from retake_flow.ports.runs import OpenGate, ReadableRuns
from retake_flow.run.records import plain, timestamp
from retake_flow.run.run import Run

#: The length of a text in it, so that the whole stays below a kibibyte.
LONGEST = 120
#: The number of questions in it; `gates` lists all.
MOST_GATES = 2


def brief(followed: Following) -> dict[str, Any]:
    """How a run stands; see `status --json` in `schemas/output.schema.json`."""
    stored, figures, now = followed.stored, followed.figures, followed.now
    run, health = stored.run, figures.vitals.data(now)
    on_air, asked = followed.on_air, followed.gates
    found: dict[str, Any] = plain(
        {
            "run": run.id,
            "agent": stored.agent,
            "phase": run.phase.value,
            "state": run.state,
            "on_air": on_air,
            "since": timestamp(round(now - health["uptime_seconds"])) if on_air else None,
            "remaining": remaining(run, now),
            "page": stream_page(run),
            "viewers": health.get("viewers") if on_air else None,
            "healthy": on_air and not health.get("slow_for"),
            "trouble": _short(followed.trouble),
            "gates": [_gate(one) for one in asked[:MOST_GATES]],
            "unread": figures.unanswered,
            "stats": followed.stats,
            "outcome": run.outcome,
        }
    )
    return found


def next_commands(followed: Following) -> list[str]:
    """The commands that make sense now, the most useful first."""
    run = followed.run
    if followed.over:
        return [f"retake-flow show {run} --json"]
    if followed.stored.run.ended and followed.driven:
        return [f"retake-flow wait {run} --until ended --within 50s --json"]
    answers = [f"retake-flow gates {run} --json"] if followed.gates else []
    if not followed.driven:
        return [*answers, f"retake-flow resume {run} --detach --json"]
    if followed.on_air:
        more = f"retake-flow chat {run} --wait 50s --json", f"retake-flow status {run} --json"
        return [*answers, *more, f"retake-flow stop {run} --json"]
    return [*answers, f"retake-flow wait {run} --until on-air --within 50s --json"]


def next_for(store: ReadableRuns, run: str) -> list[str]:
    """The commands that make sense now for a run."""
    return next_commands(Following(store, run))


def exit_code(followed: Following) -> int:
    """The exit code that tells how a run stands: 0, 1 when it has failed, or 4 when it waits for a person."""
    run = followed.stored.run
    if run.ended:
        return 0 if run.succeeded else 1
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
    if data["page"]:
        yield f"{data['page']}"
    if data["trouble"]:
        yield f"{data['trouble']}"
    for gate in data["gates"]:
        yield f"asks: {gate['message']}"


def _gate(asked: OpenGate) -> dict[str, Any]:
    return {"gate": asked.gate.id, "message": _short(asked.damage or asked.gate.message)}


def stream_page(run: Run) -> str | None:
    """The address of the stream, as the platform gave it."""
    pages = [value["page"] for value in run.outputs.values() if isinstance(value, dict) and value.get("page")]
    return str(pages[-1]) if pages else None


def remaining(run: Run, now: float) -> int | None:
    """The seconds until the run's last time limit ends what it does; None without a limit."""
    limits = [due for (_, purpose), due in run.timers.items() if purpose == "timeout"]
    return None if run.ended or not limits else max(0, round(max(limits) - now))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"
