"""A run as the first process of a container: nobody else reaps its orphans."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")]

_BEGIN = """
import asyncio, os, pathlib, signal, sys
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.stragglers import reaping
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import work_folder

assert os.getpid() == 1
marker = sys.argv[1]

def zombies():
    states = [path.read_text() for path in pathlib.Path("/proc").glob("[0-9]*/stat")]
    return [state for state in states if state.rpartition(")")[2].split()[0] == "Z"]

async def until(wanted):
    async with asyncio.timeout(120):
        while not wanted():
            await asyncio.sleep(0.02)
"""

_XTERM = """
async def main():
    with work_folder() as work:
        stage = Studio(Launcher(marker, os.environ), work)
        async with stage.display("320x240"):
            for _ in range(2):
                async with stage.content() as content:
                    os.kill(content.process.pid, signal.SIGKILL)
                    await content.wait()
            await until(zombies)  # or the test would prove nothing
            async with reaping(0.1):
                await until(lambda: not zombies())

asyncio.run(main())
"""

_STATUSES = """
async def main():
    launcher = Launcher(marker, os.environ)
    script = "(sleep 0.05; exit 3) & exit $0"
    async with reaping(0.001), asyncio.timeout(200):
        for _ in range(5):
            ran = [launcher.run(ProcessSpec(("sh", "-c", script, str(number))), 120) for number in range(6)]
            assert [each.status for each in await asyncio.gather(*ran)] == list(range(6))
        own = await asyncio.create_subprocess_exec("sh", "-c", "exit 5")  # as a function of the operator's may
        await asyncio.sleep(0.1)
        assert await own.wait() == 5
        await until(lambda: not zombies())

asyncio.run(main())
"""


def first_process(script: str, marker: str) -> subprocess.CompletedProcess[str]:
    """Run a script as the first process of a PID namespace."""
    return subprocess.run(
        ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", _BEGIN + script, marker),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_a_content_window_that_was_killed_leaves_no_zombie() -> None:
    """The children of xterm become ours when xterm dies, and we reap them."""
    ran = first_process(_XTERM, f"test-{os.getpid()}-xterm")
    assert ran.returncode == 0, ran.stderr


def test_reaping_keeps_the_exit_status_of_our_own_programs() -> None:
    """The code that started a program still gets its exit status."""
    ran = first_process(_STATUSES, f"test-{os.getpid()}-statuses")
    assert ran.returncode == 0, ran.stderr
