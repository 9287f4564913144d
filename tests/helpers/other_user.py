"""A second user of the machine, and a studio on air, for tests that this user can do nothing to it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from retake_flow.redact import Secret
from retake_flow.rehearsal.server import serve
from retake_flow.rehearsal.setup.options import Options
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.studio import Studio
from retake_flow.studio.work_folder import WorkFolder

needed = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

OTHER = 65534


def as_other(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Have the other user run a command."""
    return subprocess.run(
        ("setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups", *command),
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def other_says(script: str, *arguments: str) -> str:
    """The output of a Python script that the other user runs."""
    ran = as_other(sys.executable, "-I", "-c", script, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@asynccontextmanager
async def on_air(marker: str, work: WorkFolder, folder: Path) -> AsyncIterator[tuple[Studio, str]]:
    """A studio with all that it can have, pushing to a rehearsal; and its stream key."""
    agent = {"name": "owl", "token": "rtk_" + secrets.token_hex(16), "user_id": "user_1", "verified": True}
    stage = Studio(Launcher(marker, os.environ), work)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(Options.from_mapping({"agents": [agent]}), folder))
        owl = next(iter(server.platform.agents))
        key = server.platform.issue_key(owl).value.reveal()
        server.platform.start(owl)
        display = partial(stage.display, "1280x720")
        for opening in (stage.sound, display, stage.window_manager, stage.content):
            await stack.enter_async_context(opening())
        await stack.enter_async_context(stage.encoder(Secret(f"{server.rtmp_address}/{key}")))
        yield stage, key
