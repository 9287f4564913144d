"""The worker's arguments, and its log for people."""

from __future__ import annotations

import pytest
from cli_command import Command

from retake_flow.cli.fleet_commands.worker import _Log


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
