"""Processes that work on one store at the same time; each talks to the test over a pipe of its own."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Claim
from retake_flow.run.errors import AlreadyAnswered, Fenced, RunHeld
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs
from retake_flow.store.sql import database

#: How many records the writer adds at each step.
RECORDS = 3


def be_patient(set_attribute: Callable[[Any, str, Any], None] = setattr) -> None:
    """Wait as long for each other as a slow disk may take."""
    set_attribute(database, "PATIENCE", 120.0)
    set_attribute(database, "_DRIVING_PATIENCE", 120.0)
    set_attribute(database, "_DRIVEN", {**database._DRIVEN, "timeout": 120.0})


def a_run(name: str, **changes: Any) -> Run:
    """A run that has begun."""
    return replace(Run(name, "go-live", "d" * 64, {}, phase=Phase.RUNNING), **changes)


def gate(number: int) -> Gate:
    """One of many questions."""
    return Gate(f"ask.{number}", "ask", number, "Which?", {"url": {"type": "string"}})


def answerer(place: str, rounds: int, together: Barrier, pipe: Connection, name: str) -> None:
    """Answer one gate after the other, each at the same moment as the others; send who won each."""
    be_patient()
    runs = open_runs(place)
    winners = []
    for number in range(rounds):
        together.wait()
        try:
            runs.answer("r", gate(number).id, Answer("", {"url": name}, name, "command", 1.0))
            winners.append(name)
        except AlreadyAnswered as error:
            winners.append(error.by)
    pipe.send(winners)


def claimer(place: str, rounds: int, together: Barrier, pipe: Connection) -> None:
    """Claim one run after the other, each at the same moment as the others; send who got each."""
    be_patient()
    runs, us = open_runs(place), this_process()
    owners = []
    for number in range(rounds):
        together.wait()
        try:
            runs.claim(f"r{number}", us)
            owners.append(us.pid)
        except RunHeld as error:
            owners.append(error.pid)
    together.wait()  # nobody may be dead while another still claims
    pipe.send((us.pid, owners))


def writer(place: str, pipe: Connection, limit: int | None) -> None:
    """Write one step after the other to the run `r` until something keeps it from that.

    After each step its number goes over the pipe, and at last what went wrong.

    Args:
        place: The store.
        pipe: To the test.
        limit: The largest size of a file, in bytes, from when the store is open; None for no limit.
    """
    be_patient()
    claim = open_runs(place).claim("r", this_process())
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    number = 0
    try:
        while True:
            step(claim, number + 1)
            number += 1
            pipe.send(number)
    except (Fenced, StoreError) as error:
        pipe.send((type(error).__name__, error.message, error.hint))
        pipe.recv()  # lives on until the test has seen enough


def step(claim: Claim, number: int) -> None:
    """Write the step of a number: a snapshot that names it, and records that do."""
    said = [{"t": "2026-01-01T00:00:00Z", "event": "step", "number": number, "part": part} for part in range(RECORDS)]
    claim.write(a_run("r", vars={"number": number, "ballast": "x" * 3000}), said)
