"""Draining a host says what becomes of its runs."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from cli_command import Command
from waiting_runs import ASKING, put

from retake_flow import process_place
from retake_flow.fleet.placement import choose
from retake_flow.ports.fleet import Host
from retake_flow.settings import Settings
from retake_flow.wiring.storing import open_fleet


def test_runs_that_no_other_host_can_take_are_named(command: Command, folder: Path) -> None:
    """One line each, also as JSON; not when they end with the host."""
    (run,) = (said["run"] for said in command("submit", str(put(folder, text=ASKING)), "--json").records)
    here = process_place.where(), os.getpid(), process_place.start_time(os.getpid())
    with closing(open_fleet(Settings.from_environment())) as fleet:
        fleet.beat(Host("a", *here, "1", 2.0))
        fleet.place(choose)
        fleet.beat(Host("b", *here, "1", 0.25))
    why = "no host fits: b has a capacity of 0.25"
    done = command("drain", "a", "--within", "0s")
    assert (done.code, done.out) == (1, f"{run} is interrupted until a host takes it: {why}\na still has 1 runs\n")
    (said,) = command("drain", "a", "--within", "0s", "--json").records
    assert (said["drained"], said["waiting"]) == (False, [{"run": run, "reason": why}])
    assert command("drain", "a", "--end", "--within", "0s", "--json").records[0]["waiting"] == []
