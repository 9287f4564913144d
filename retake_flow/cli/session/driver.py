"""Driver: the process that drives a run which a worker has taken."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from retake_flow.api.agents_folder import environment_as
from retake_flow.cli import startup, terminal
from retake_flow.cli.exit_codes import run_unblocked
from retake_flow.cli.session.detached import log_of
from retake_flow.cli.session.interrupts import Interrupts
from retake_flow.cli.session.session import Session
from retake_flow.cli.session.takeover import take_up
from retake_flow.cli.session.views import leave_terminal, view_for
from retake_flow.errors import HostError
from retake_flow.flow.load.load import load_flow
from retake_flow.ports.runs import Runs, Stored
from retake_flow.run.run import Phase, Run
from retake_flow.settings import Settings
from retake_flow.store import opening  # noqa: F401
from retake_flow.store.sql import fleet  # noqa: F401
from retake_flow.wiring.flow_files import on_this_host, why_unfit
from retake_flow.wiring.observability import observing
from retake_flow.wiring.storing import open_store

_ANY_FLOW = "flow: any\ninitial: a\nstates: {a: {wait: 1s, transitions: {done: b}}, b: {final: completed}}\n"


def prepare() -> None:
    """Load what the drivers need that are forked from this process, beyond the imports of this module."""
    with suppress(ImportError):  # with a SQLite store the driver may be missing
        import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

        from retake_flow.store.sql import postgresql  # noqa: F401
    load_flow(_ANY_FLOW, "any.yaml")  # compiles the patterns of the language
    startup.settle_garbage()


def become_driver(order: dict[str, Any]) -> NoReturn:
    """Carry out a worker's order in this process, which does nothing else.

    The exit code is 0 when the run has ended or was left to another process, 4 when it waits for a person, 5 when
    another process has it.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if order["agent"]:
        environment = environment_as(Path(order["agents"]), order["agent"], os.environ)
        os.environ.clear()
        os.environ.update(environment)
    settings = Settings.from_environment()
    if order["flows"]:
        settings = replace(settings, flows=Path(order["flows"]))
    log = log_of(settings, order["run"])
    log.parent.mkdir(parents=True, exist_ok=True)
    leave_terminal(log)
    terminal.leave(run_unblocked(partial(_drive, order["run"], order["epoch"], settings, log), as_json=True))


def _drive(run: str, epoch: int, settings: Settings, log: Path) -> int:
    with observing(None, settings, terminal.advise), closing(open_store(settings)) as runs:
        left = asyncio.run(_drive_stored(runs, runs.load(run), epoch, settings, log))
    return 4 if left.phase is Phase.SUSPENDED else 0


async def _drive_stored(runs: Runs, stored: Stored, epoch: int, settings: Settings, log: Path) -> Run:
    with view_for(True, stored.run.flow, log=log) as view, Interrupts(hands_over=True) as interrupts:
        if unfit := await why_unfit(on_this_host(stored, settings), settings):
            raise HostError(f"this host cannot drive {stored.run.id}: {unfit}")
        session = Session(runs, settings, view, interrupts, as_json=True, wait=False, asks=False)
        return await take_up(session, stored, epoch=epoch)
