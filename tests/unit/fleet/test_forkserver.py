"""Drivers are forked from a server, and outlive both it and the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_WORKER = """
import os, sys, time
from pathlib import Path
from retake_flow.fleet.forkserver import Ended, ForkServer

prepared = []

def drive(order):
    here = Path(order["here"])
    if "code" in order:
        os._exit(order["code"] if prepared else 99)
    (here / "driver").write_text(str(os.getpid()))
    while not (here / "end").exists():
        time.sleep(0.01)
    (here / "ended").write_text(f"{os.getsid(0) == os.getpid()}")
    os._exit(0)

server = ForkServer(lambda: prepared.append(1), drive)
print(server.pid, flush=True)
server.start("long/1", {"here": sys.argv[1]})
server.start("short/1", {"here": sys.argv[1], "code": 4})
while True:
    for news in server.news():
        print(type(news).__name__, news.job, getattr(news, "code", ""), flush=True)
    time.sleep(0.01)
"""


def _waited(condition: Callable[[], object], within: float = 120.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


def test_a_driver_outlives_the_worker_and_the_server_does_not(tmp_path: Path) -> None:
    """It is a session of its own, which `ps` shows as what it is; the worker learns how others ended."""
    command = [sys.executable, "-c", _WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        server = int(worker.stdout.readline())
        said = {worker.stdout.readline().strip() for _ in range(3)}
        assert said == {"Started long/1", "Started short/1", "Ended short/1 4"}
        driver = tmp_path / "driver"
        _waited(lambda: driver.exists() and driver.read_text())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(server, number)
        assert _title(int(driver.read_text())) == "retake-flow drive long/1"
        assert _title(server) == "retake-flow worker: starts its drivers"
        assert _is_running(server), "only the end of the worker ends it"
        worker.kill()
        _waited(lambda: not _is_running(server))
        assert _is_running(int(driver.read_text()))
        (tmp_path / "end").touch()
        ended = tmp_path / "ended"
        _waited(lambda: ended.exists() and ended.read_text() == "True")
