"""Runs in containers that share a store and /tmp: nobody takes a living run for dead, or a dead one for alive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_processes import Home, Running, at_home, command, waited

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")

_CONTAINED = ("unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
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
    with at_home(tmp_path / "home") as home:
        (home.folder / "resting.yaml").write_text(RESTING)
        yield home


def contained(home: Home, *hostname: str) -> Running:
    """A run of the flow in a PID namespace of its own, and with another host name where one is given."""
    inside = ["sh", "-c", 'hostname "$0"; exec "$@"', *hostname] if hostname else []
    process = subprocess.Popen(
        [*_CONTAINED, *inside, *command("run", str(home.folder / "resting.yaml"), "--json")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=home.environment,
    )
    home.started.append(Running(process))
    home.started[-1].until("state_entered", state="here")
    return home.started[-1]


def is_alive(home: Home, run: str) -> bool:
    """Whether the run's process lives, as `show` tells."""
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
