"""The worker's arguments, its log for people, what it says of its host, and what it counts."""

from __future__ import annotations

import argparse
import json
import queue
from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.cli.host_commands.worker import WorkerHost, _Log, _tell_people
from retake_flow.cli.session.detached import log_of
from retake_flow.ports.fleet import Demand, Job
from retake_flow.ports.notices import Notice
from retake_flow.settings import Settings
from retake_flow.telemetry.readings import Durations


@pytest.mark.parametrize("capacity", ["0", "0.001", "-1", "inf"])
def test_a_worker_has_room_for_a_run(command: Command, capacity: str) -> None:
    """The least capacity is the least cost of a run."""
    done = command("worker", f"--capacity={capacity}")
    assert done.code == 2
    assert "is not a number of cores from 0.01 to 4096" in done.err


def test_a_line_of_the_log_ends_with_what_there_is_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    """An event without fields has no colon."""
    log = _Log(False, lambda event, **fields: None)
    log.tell("store_back")
    log.tell("draining", host="a", how="end")
    back, draining = capsys.readouterr().out.splitlines()
    assert back.endswith(" store back")
    assert draining.endswith(" draining: host a, how end")


def test_a_notice_says_where_the_output_of_a_held_run_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The log lies on the host on which its drivers failed."""
    sent: queue.Queue[Notice] = queue.Queue()

    class Sender:
        async def send(self, notice: Notice) -> None:
            sent.put(notice)

    monkeypatch.setattr("retake_flow.notices.apprise.notifiers", lambda urls: [Sender()])
    job = Job("r", Demand("owl"), failures=(1.0,) * 5, failed_on=("a",) * 5, trouble="no ffmpeg", held=9.0)
    _tell_people(Settings.from_environment({"HOME": str(tmp_path)}), job)
    text = sent.get(timeout=180).text
    assert "For more, see logs/r.log in the state folder on a.\n" in text
    assert "retake-flow submit --run r" in text


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


def test_the_error_of_a_driver_is_known_however_long_it_is(tmp_path: Path) -> None:
    """As with hundreds of mistakes of a flow; a line that is no error is none."""
    log = log_of(Settings.from_environment({"HOME": str(tmp_path)}), "r")
    log.parent.mkdir(parents=True)
    error = {"event": "error", "kind": "flow_invalid", "message": "m" * 30_000, "hint": "h"}
    log.write_text("x" * 100_000 + f"\n{json.dumps(error)}\n")
    assert _worker(tmp_path).trouble("r") == ("flow_invalid", "m" * 30_000 + " (h)")
    for last in ("[]", "3", '{"event": "run_ended"}', "{", ""):
        log.write_text(f"{last}\n")
        assert _worker(tmp_path).trouble("r") == ("", "")
