"""Runs, gates and holders for the tests of the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from retake_flow.ports.runs import Claim, Holder, Runs
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.run import Phase, Run

US = Holder("here", 100, 1000.0)
THEM = Holder("there", 200, 2000.0)

TWEET = Gate(
    "prove.1",
    "prove",
    1,
    "Post this",
    fields={"url": {"type": "string"}, "token": {"type": "string", "secret": True}},
    opened_at=50.0,
    due=500.0,
)
CHOICE = Gate(
    "trouble.1",
    "trouble",
    1,
    "What now?",
    decisions={"retry": {"wait": {"type": "integer"}}, "give_up": {}},
    opened_at=40.0,
)


class World:
    """What the store asks of the world, as a test wants it.

    Attributes:
        time: What the clock says.
        living: The holders that live.
    """

    def __init__(self) -> None:
        self.time = 10.0
        self.living: set[Holder] = set()

    def now(self) -> float:
        return self.time

    def alive(self, holder: Holder) -> bool:
        return holder in self.living


def a_run(name: str = "go-live-1", **changes: Any) -> Run:
    """A run that has begun."""
    return replace(Run(name, "go-live", "d" * 64, {"agent_name": "owl"}, phase=Phase.RUNNING, state="a"), **changes)


def asking(*gates: Gate, **changes: Any) -> Run:
    """A run that has asked these."""
    return a_run(gates={gate.id: gate for gate in gates}, phase=Phase.WAITING, **changes)


def created(runs: Runs, run: Run | None = None, *, agent: str = "owl", holder: Holder = US) -> Claim:
    """A run that was just begun."""
    return runs.create(run or a_run(), agent=agent, flow_file="/x/go-live.yaml", flow_text="flow: x", holder=holder)


def asked(runs: Runs, *gates: Gate, **changes: Any) -> Claim:
    """A run that has asked these, as it was written."""
    claim = created(runs)
    claim.write(asking(*gates, **changes), [said("gate_opened")])
    return claim


def said(event: str, **fields: object) -> dict[str, Any]:
    """A record."""
    return {"t": "2026-01-01T00:00:00.000Z", "event": event, **fields}


def whats(claim: Claim) -> list[str]:
    """What is asked of a run, without what belongs to it."""
    return [request.what for request in claim.requests(fresh=True)]


def an_answer(by: str = "ann", at: float = 100.0, decision: str = "", **fields: Any) -> Answer:
    """What a person said."""
    return Answer(decision, fields, by, "command", at)
