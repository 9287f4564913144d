"""Runs in containers that share a store and /tmp: nobody takes a living run for dead, or a dead one for alive."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flow_processes import WITHIN, Home, Running, at_home, command, waited

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")

_CONTAINED = ("unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
ON_AIR = "broadcast/pushing/on_air"
RESTING = """
flow: resting
version: 1
initial: here
states:
  here: {wait: 1h, transitions: {done: over}}
  over: {final: completed}
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that both containers have, with a flow that rests."""
    with at_home(tmp_path / "home", RETAKE_FLOW_LEASE="6s") as home:
        (home.folder / "resting.yaml").write_text(RESTING)
        yield home


def contained(home: Home, *hostname: str) -> Running:
    """A run of the flow in a PID namespace of its own, and with another host name where one is given."""
    inside = ["sh", "-c", 'hostname "$0"; exec "$@"', *hostname] if hostname else []
    running = started(home, *inside, *command("run", str(home.folder / "resting.yaml"), "--json"))
    running.until("state_entered", state="here")
    return running


def started(home: Home, *arguments: str) -> Running:
    """A command in a PID namespace of its own, which prints records."""
    process = subprocess.Popen(
        [*_CONTAINED, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=home.environment,
    )
    home.started.append(Running(process))
    return home.started[-1]


def is_alive(home: Home, run: str) -> bool:
    """Whether the run's process lives, according to `show`."""
    shown = json.loads(home.call("show", run, "--json").out)
    return bool(shown["holder"]["alive"])


@pytest.mark.parametrize("hostname", [(), ("a1b2c3d4",)])
def test_a_run_in_another_container_is_held_until_that_dies(home: Home, hostname: tuple[str, ...]) -> None:
    """Under the same host name, as two containers of a pod have it, or under another; then anybody can end it."""
    running = contained(home, *hostname)
    run = running.run
    assert is_alive(home, run)
    held = home.call("resume", run)
    assert held.code == 5, held
    running.kill()
    waited(lambda: not is_alive(home, run), "the end of the container")
    assert "died" in home.call("runs").out
    killed = home.call("kill", run)
    assert killed.code == 0, killed
    assert not list(home.state.glob("runs.sqlite-holders/*"))


def test_a_container_that_was_made_anew_goes_on_with_the_runs_of_the_old_one(home: Home) -> None:
    """It has another host name, and its lock, or else its lease, shows that the old one is gone."""
    flow = home.folder / "resting.yaml"
    flow.write_text(RESTING.replace("1h", "6s"))
    run, lost = [], home.state / "runs.sqlite-holders"
    for _ in range(2):
        running = contained(home, "a1b2c3d4")
        running.kill()
        run.append(running.run)
    anew = [*_CONTAINED, "sh", "-c", 'hostname "$0"; exec "$@"', "e5f6a7b8"]

    def resumed() -> subprocess.CompletedProcess[str]:
        arguments = [*anew, *command("resume", "--all")]
        return subprocess.run(arguments, env=home.environment, capture_output=True, text=True, timeout=WITHIN)

    done = resumed()
    assert (done.returncode, [home.row(each)["outcome"] for each in run]) == (0, ["completed"] * 2), done
    home.environment["RETAKE_FLOW_LEASE"] = "10m"
    running = contained(home, "a1b2c3d4")
    running.kill()
    shutil.rmtree(lost)
    held = home.call("resume", running.run)
    assert held.code == 5, held
    assert "is driven by process 1 on a1b2c3d4" in held.err
    assert "anybody may take the run in" in held.err
    with closing(sqlite3.connect(home.state / "runs.sqlite", timeout=WITHIN)) as store, store:
        store.execute("UPDATE runs SET lease_until = ? WHERE id = ?", [time.time(), running.run])  # it is over
    assert not is_alive(home, running.run)
    assert resumed().returncode == 0
    assert home.row(running.run)["outcome"] == "completed"


def test_a_run_that_ends_in_order_leaves_no_lock(home: Home) -> None:
    """Nor does one that is stopped by a signal from within."""
    running = contained(home)
    assert len(list(home.state.glob("runs.sqlite-holders/*"))) == 1
    assert home.call("stop", running.run).code == 0
    running.finish()
    assert not list(home.state.glob("runs.sqlite-holders/*"))
    outside = home.start("run", str(home.folder / "resting.yaml"))
    outside.until("state_entered", state="here")
    outside.process.send_signal(signal.SIGTERM)
    outside.finish()
    assert not list(home.state.glob("runs.sqlite-holders/*"))


@pytest.mark.real
def test_a_stream_is_left_alone_by_a_stream_in_another_container(tmp_path: Path) -> None:
    """Both share /tmp: each has its folder, display and sound, and neither loses anything when the other ends."""
    with at_home(tmp_path / "one") as one, at_home(tmp_path / "two") as two:
        first = one.start("run", "go-live.yaml", "--rehearse", "--folder", str(one.folder / "rehearsal"))
        first.on_air()
        rehearsed = command("run", "go-live.yaml", "--rehearse", "--folder", str(two.folder / "rehearsal"), "--json")
        second = started(two, *rehearsed)
        second.on_air()
        displays = {
            ready["value"]["display"]
            for running in (first, second)
            for ready in [running.until("activity_ready", activity="broadcast:display")]
        }
        assert len(displays) == 2
        one.call("stop", first.run)
        first.finish()
        second.until("activity_result", activity="broadcast/pushing/on_air:encoding")
        two.call("stop", second.run)
        second.finish()
        for running in (first, second):
            visits = [record["visit"] for record in running.records if record.get("state") == ON_AIR]
            assert set(visits) == {1}
            failed = {record["activity"] for record in running.records if record["event"] == "activity_failed"}
            assert failed <= {
                f"{ON_AIR}:{name}" for name in ("picture", "thumbnail", "chat", "health")
            }  # a busy machine may take them too late
