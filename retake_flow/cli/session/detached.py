"""Detached runs: a run continues in a session of its own; the command that started it returns with its status."""

from __future__ import annotations

import json
import os
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.cli.exit_codes import run_unblocked
from retake_flow.cli.session.views import leave_terminal
from retake_flow.errors import RetakeFlowError
from retake_flow.monitor.brief import brief, exit_code, lines, next_commands
from retake_flow.monitor.following import Following, Polling
from retake_flow.ports.runs import Runs
from retake_flow.run.errors import RunUnknown
from retake_flow.run.records import timestamp
from retake_flow.run.run import Phase
from retake_flow.settings import Settings
from retake_flow.wiring.storing import open_store

#: Seconds that a run may take until it is stored, whatever `--within` says: from then on every command finds it.
_STORED_WITHIN = 40.0
_TAIL = 1 << 16  # bytes of a log, more than the longest error has


def log_of(settings: Settings, run: str) -> Path:
    """The log of a detached run."""
    return settings.state_folder / "logs" / f"{run}.log"


def last_error(log: Path, after: int = 0) -> dict[str, Any] | None:
    """The error with which the process that wrote a log has ended; None when the last line is none.

    `after` is the size that the log had before; a smaller one was begun since.
    """
    try:
        with log.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - _TAIL, after if after <= size else 0))
            *_, last = file.read().splitlines()
        record = json.loads(last.decode(errors="replace"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("event") != "error" or not {"kind", "message"} <= record.keys():
        return None
    return {"hint": "", **record}


def detach(run: str, settings: Settings, drive: Callable[[Path], int], args: Namespace) -> int:
    """Drive a run in a process of its own, and report its status.

    That process has no terminal, ignores hang-ups and outlives this one. No thread may have been started before.

    Args:
        run: Its id.
        settings: The settings of this process.
        drive: Drives it, and returns its exit code.
        args: The arguments of the command: how long to wait until it is on air, waits for a person or has ended
            (`within`), whether its process stays while a person is asked (`wait`), and whether a program reads our
            output (`json`).

    Returns:
        0 when it is on air or still starting, 4 when it waits for a person, its own exit code when it has ended.
    """
    log = log_of(settings, run)
    log.parent.mkdir(parents=True, exist_ok=True)
    before = log.stat().st_size if log.exists() else 0
    child = os.fork()
    if not child:
        os.setsid()
        leave_terminal(log)
        terminal.leave(run_unblocked(partial(drive, log), as_json=True))
    return _report(_Driver(child, run, log, before), settings, args)


class _Driver:
    """The process that drives the run.

    Attributes:
        pid: Its process id.
        code: Its exit code, once it has ended.
    """

    def __init__(self, pid: int, run: str, log: Path, before: int) -> None:
        self.pid = pid
        self.run = run
        self.log = log
        self._before = before  # bytes that earlier processes of the run wrote to the log
        self.code: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        if self.code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if found else None
        return self.code is not None

    def error(self) -> dict[str, Any] | None:
        """The error with which it ended, from its log; None when there is none."""
        return last_error(self.log, self._before)


def _report(driver: _Driver, settings: Settings, args: Namespace) -> int:
    deadline = time.monotonic() + args.within
    with closing(open_store(settings)) as store:
        followed = _wait_until_stored(store, driver, max(deadline - time.monotonic(), _STORED_WITHIN))
        if followed is None:
            if driver.has_ended:
                return _report_failure(driver, as_json=args.json)
            more = f"retake-flow wait {driver.run} --until on-air --until gate --within 50s --json"
            pending = {"run": driver.run, "phase": "pending", "state": "", "on_air": False, "next": [more]}
            _tell(pending, driver, as_json=args.json)
            return 0
        followed.until(lambda seen: driver.has_ended or _is_settled(seen, stays=args.wait), deadline - time.monotonic())
        followed.look()  # it may have ended after the run was read
        if driver.code and not (followed.stored.run.has_ended or followed.gates):
            return _report_failure(driver, as_json=args.json)
        _tell({**brief(followed), "next": next_commands(followed)}, driver, as_json=args.json)
        return exit_code(followed)


def _wait_until_stored(store: Runs, driver: _Driver, within: float) -> Following | None:
    """The run, once it is stored; None when its process has ended before, or not begun in time."""
    polling = Polling(within)
    while True:
        ended = driver.has_ended  # before the run is read, so that no run is missed
        with suppress(RunUnknown):
            return Following(store, driver.run)
        if ended or not polling.wait_for_next():
            return None


def _is_settled(followed: Following, *, stays: bool) -> bool:
    """Whether the run is on air, has ended, or does nothing but wait for a person in a process that stays."""
    waits = followed.stored.run.phase is Phase.WAITING
    return followed.on_air or followed.over or (stays and waits)


def _report_failure(driver: _Driver, *, as_json: bool) -> int:
    """Report the error with which the process ended."""
    error = driver.error() or {"kind": "internal", "message": "its process has died", "hint": f"see {driver.log}"}
    error = {"t": timestamp(time.time()), "event": "error", **error, "next": terminal.commands_in(error["hint"])}
    if as_json:
        terminal.emit({**error, "run": driver.run, "log": str(driver.log)})
    else:
        terminal.fail(RetakeFlowError(error["message"], hint=error["hint"]), as_json=False)
    return driver.code or RetakeFlowError.exit_code


def _tell(found: dict[str, Any], driver: _Driver, *, as_json: bool) -> None:
    told = {**found, "pid": None if driver.has_ended else driver.pid, "log": str(driver.log)}
    starting = [printable.line(f"{driver.run} is still starting")]
    said = starting if found["phase"] == "pending" else lines(found)
    terminal.tell(told, [*said, f"  log: {printable.line(str(driver.log))}"], as_json=as_json)
