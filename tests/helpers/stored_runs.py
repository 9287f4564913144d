"""Runs in a store, for the tests of the commands over them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from retake_flow.ports.runs import Claim, Holder, Runs
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.records import Record, record
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.sql.runs import SqlRuns

#: A process that has died: there was one of this number, but it was started at another time.
DEAD = Holder(os.uname().nodename, os.getpid(), 1.0)
AWAY = Holder("studio-2", 77, 1.0)
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x1b[0m\x9b2J\x00 \u202eevil\ttab"


def a_gate(name: str = "prove.1", **changes: Any) -> Gate:
    """A question."""
    place, _, visit = name.rpartition(".")
    fields = {"tweet_url": {"type": "string", "pattern": "^https://", "description": "where it is"}}
    return replace(Gate(name, place, int(visit), "Post this", fields, opened_at=time.time() - 120), **changes)


CHOICE = a_gate(
    "trouble.1",
    message="What now?",
    fields={},
    decisions={"retry": {"wait": {"type": "integer"}, "why": {"type": "string", "optional": True}}, "give_up": {}},
)


def stored(
    store: Runs,
    name: str = "owl-1",
    *gates: Gate,
    records: Sequence[Record] = (),
    agent: str = "owl",
    flow: str = "go-live",
    flow_text: str = "flow: x",
    holder: Holder | None = None,
    **changes: Any,
) -> Claim:
    """A run that is kept, as it was last written; nobody drives it unless a holder is named."""
    claim = store.create(
        Run(name, flow, "d" * 64, {"agent_name": agent}, rehearsal=str(changes.get("rehearsal", ""))),
        agent=agent,
        flow_file="/x/go-live.yaml",
        flow_text=flow_text,
        holder=holder or this_process(),
    )
    phase = Phase.SUSPENDED if gates else Phase.RUNNING
    state = {"phase": phase, "state": "on/air", "gates": {gate.id: gate for gate in gates}, **changes}
    claim.write(replace(Run(name, flow, "d" * 64, {"agent_name": agent}), **state), [*records])
    if holder is None:
        claim.release()
    return claim


def without_leases(store: Runs) -> None:
    """Leave all runs as an older version leaves them, which knows no leases."""
    assert isinstance(store, SqlRuns)
    with store.database.writing() as connection:
        connection.execute(text("UPDATE runs SET lease_until = NULL, lease_epoch = NULL, holder_where = NULL"))


def ended(store: Runs, name: str = "owl-1", **changes: Any) -> Claim:
    """A run that has completed."""
    told = record("run_ended", time.time(), run=name, outcome="completed", state="done", reason="")
    return stored(
        store, name, records=[told], **{"phase": Phase.COMPLETED, "outcome": "completed", "state": "done", **changes}
    )


def an_answer(by: str = "ann", **fields: Any) -> Answer:
    """What somebody else said."""
    return Answer("", fields, by, "web", 1_700_000_000.0)
