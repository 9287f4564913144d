"""The worker's arguments, and its log for people."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.cli.fleet_commands.worker import _Log, _tell_people
from retake_flow.ports.fleet import Demand, Job
from retake_flow.ports.notices import Notice
from retake_flow.settings import Settings


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
