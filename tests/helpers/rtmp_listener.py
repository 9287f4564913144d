"""A real RTMP listener, which is ffmpeg itself, and waiting for what is pushed to it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from flow_processes import WITHIN
from free_port import free_port

from retake_flow.errors import ProcessFailed
from retake_flow.redact import Secret
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process, ProcessSpec
from retake_flow.studio.studio import Studio

KEY = "live-3f9a27c1d4"


@dataclass
class Ingest:
    """A listener, its address, and the file it records to."""

    process: Process
    push_url: Secret
    recording: Path


@asynccontextmanager
async def listening(marker: str, folder: Path) -> AsyncIterator[Ingest]:
    """An RTMP listener that records one stream."""
    recording = folder / "recording.flv"
    async with AsyncExitStack() as stack:
        while True:
            port = free_port()
            address = f"rtmp://127.0.0.1:{port}/app"
            spec = ProcessSpec(
                ("ffmpeg", "-v", "error", "-listen", "1", "-i", address, "-c", "copy", "-y", str(recording)),
                ready_within=WITHIN,
            )

            async def listens(process: Process, port: int = port) -> None:
                while True:
                    with suppress(psutil.Error):  # it has just ended
                        for connection in psutil.Process(process.pid).net_connections():
                            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                                return
                    await asyncio.sleep(0.01)

            try:
                process = await stack.enter_async_context(Launcher(marker, os.environ).process(spec, listens))
            except ProcessFailed:
                continue  # somebody took the port between our look and ffmpeg's
            yield Ingest(process, Secret(f"{address}/{KEY}"), recording)
            return


async def seconds_sent(stage: Studio, seconds: float) -> None:
    """Wait until so much was sent."""
    async with asyncio.timeout(WITHIN):
        while True:
            health = stage.health()
            if health is not None and health.seconds >= seconds:
                return
            await asyncio.sleep(0.05)
