"""What a worker says of its host, and what it counts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from retake_flow.cli.fleet_commands.worker_host import WorkerHost
from retake_flow.cli.session.detached import log_of
from retake_flow.settings import Settings
from retake_flow.telemetry.readings import Durations


def _worker(home: Path, **environment: str) -> WorkerHost:
    args = argparse.Namespace(agents=None, capacity=2.0, label=[], name="north")
    return WorkerHost(args, Settings.from_environment({"HOME": str(home), **environment}), None)


def test_a_worker_without_credentials_takes_no_run_of_an_agent(tmp_path: Path) -> None:
    """It offers none; a token alone does not say whose it is, so such a worker takes any."""
    assert _worker(tmp_path).describe().agents == ()
    assert _worker(tmp_path, RETAKE_ACCESS_TOKEN="rtk_" + "a" * 40).describe().agents is None


def test_what_a_worker_tells_is_counted(tmp_path: Path) -> None:
    """By the kinds of the errors that end its drivers: their messages and exit codes say less."""
    worker = _worker(tmp_path)
    worker.note("driver_started", run="r", epoch=1, why="submitted", pid=1, waited=2.5)
    worker.note("driver_started", run="r", epoch=3, why="expired", pid=1)
    for kind, message in (
        ("fenced", "another process has taken this run"),
        ("account_in_use", "the account is used by another run; please wait until it is released"),
        ("lease_expired", "the run was given up"),
    ):
        worker.note("driver_ended", run="r", epoch=1, code=5, kind=kind, message=message)
    figures = worker.figures
    assert (figures.start, figures.starts) == (Durations(1, 2.5), {"submitted": 1, "expired": 1})
    assert (figures.fenced, figures.self_fences, figures.exits) == (1, 1, {"5": 3})


def test_only_a_newline_ends_the_error_of_a_driver(tmp_path: Path) -> None:
    """Its message may quote text with the other separators of lines."""
    log = log_of(Settings.from_environment({"HOME": str(tmp_path)}), "r")
    log.parent.mkdir(parents=True)
    error = {"event": "error", "kind": "usage", "message": "one\u2028two\x85three"}
    log.write_text(f"starting\n{json.dumps(error, ensure_ascii=False)}\n")
    assert _worker(tmp_path).trouble("r") == ("usage", "one\u2028two\x85three")
