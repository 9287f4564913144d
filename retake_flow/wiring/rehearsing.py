"""A rehearsal for one run: retake.tv in a child process, with credentials of its own."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from retake_flow.api import credentials
from retake_flow.api.credentials import Credentials
from retake_flow.errors import RetakeFlowError, StudioError
from retake_flow.redact import Secret
from retake_flow.rehearsal.options import Options
from retake_flow.settings import Settings
from retake_flow.studio import recording
from retake_flow.studio.launcher import Launcher
from retake_flow.studio.process import Process
from retake_flow.studio.specification import ProcessSpec

AGENT = "rehearsal-agent"


@asynccontextmanager
async def rehearsal(
    launcher: Launcher, settings: Settings, folder: Path, options: Mapping[str, Any]
) -> AsyncIterator[Settings]:
    """A platform on this machine, and the settings that make a run use it and nothing else.

    The real credentials are neither read nor sent. Unless the options name agents, there is one with credentials; an
    empty list makes the run register.

    Args:
        launcher: Starts the platform.
        settings: Of this process.
        folder: Where recordings, thumbnails and the report go; credentials only while the rehearsal lasts.
        options: As the rehearsal's options file.

    Raises:
        UsageError: An option is unknown or not of its type.
    """
    agents = options.get("agents", [_new_agent()])
    Options.from_mapping({**options, "agents": agents})
    folder.mkdir(parents=True, exist_ok=True)
    script, own = folder / "options.json", folder / "credentials.json"
    said = _FirstLine()
    try:
        script.touch(mode=0o600)
        script.write_text(json.dumps({**options, "agents": agents}), encoding="utf-8")
        async with launcher.process(_platform(folder, script), said.whole, said.hear):
            origin = _origin(said.line)
            for agent in agents[:1]:
                credentials.save(own, _credentials(agent, origin))
            yield replace(settings, origin=origin, access_token=None, credentials=own)
    finally:
        script.unlink(missing_ok=True)
        own.unlink(missing_ok=True)


async def report(launcher: Launcher, folder: Path) -> dict[str, Any]:
    """What happened in a rehearsal that is over, with what its recordings really hold (by ffprobe).

    Raises:
        StudioError: There is no report: the rehearsal did not end in order.
    """
    try:
        answer: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise StudioError(f"the rehearsal left no report in {folder}") from None
    for recorded in answer["recordings"]:
        if recorded["path"] and recorded["frames"]:
            try:
                recorded["video"] = asdict(await recording.probe(launcher, Path(recorded["path"])))
            except RetakeFlowError as error:
                recorded["problem"] = error.message
    return answer


def _platform(folder: Path, script: Path) -> ProcessSpec:
    command = (
        sys.executable,
        "-m",
        "retake_flow",
        "rehearsal",
        "--json",
        "--folder",
        str(folder),
        "--options",
        str(script),
    )
    return ProcessSpec(argv=command, ready_within=20.0, grace=10.0)


def _origin(line: bytes) -> str:
    """The address in what the platform says first; it may be an error instead."""
    said = json.loads(line)
    if "api_url" not in said:
        raise StudioError(f"the rehearsal did not start: {said.get('message', 'it gave no address')}")
    return str(said["api_url"])


def _new_agent() -> dict[str, str]:
    token, user_id = f"rtk_rehearsal_{secrets.token_hex(16)}", f"user_{secrets.token_hex(6)}"
    return {"name": AGENT, "token": token, "user_id": user_id}


def _credentials(agent: Mapping[str, str], origin: str) -> Credentials:
    return Credentials(
        access_token=Secret(agent["token"]),
        agent_name=agent["name"],
        user_db_id=agent.get("user_id", ""),
        issued_by=origin,
    )


class _FirstLine:
    """Hears a program's output until its first line is whole."""

    def __init__(self) -> None:
        self._heard = b""
        self._whole = asyncio.Event()

    def hear(self, data: bytes) -> None:
        if not self._whole.is_set():
            self._heard += data
            if b"\n" in self._heard:
                self._whole.set()

    async def whole(self, process: Process) -> None:
        """The probe: ready once there is a line."""
        await self._whole.wait()

    @property
    def line(self) -> bytes:
        return self._heard.split(b"\n", 1)[0]
