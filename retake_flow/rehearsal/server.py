"""The rehearsal served on loopback: HTTP and sockets by uvicorn, the RTMP ingest, viewers, files."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from retake_flow import private_file
from retake_flow.clock import SystemClock
from retake_flow.errors import UsageError
from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.http.middleware import OnlyLocal
from retake_flow.rehearsal.http.realtime import Realtime
from retake_flow.rehearsal.ingest import Ingest
from retake_flow.rehearsal.persistence import StateFile
from retake_flow.rehearsal.setup.options import Options
from retake_flow.rehearsal.state import report
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.rehearsal.viewers import play_viewers


class RehearsalServer:
    """A running rehearsal server.

    Attributes:
        address: The origin of its HTTP side, such as `http://127.0.0.1:8080`.
        rtmp_address: The RTMP address to push to, without the key.
        folder: The folder of its files: `recordings/`, `thumbnails/` and, at the end, `report.json`. Recordings and
            thumbnails of the second part of a rehearsal begin with `part2-`; the first part's report is then
            `report-1.json`.
    """

    def __init__(self, platform: Platform, address: str, rtmp_address: str, folder: Path) -> None:
        self.platform = platform
        self.address = address
        self.rtmp_address = rtmp_address
        self.folder = folder

    def report(self) -> dict[str, Any]:
        """The events so far, as JSON."""
        return report.build(self.platform)


@asynccontextmanager
async def serve(
    options: Options, folder: Path, port: int = 0, keep: Path | None = None
) -> AsyncIterator[RehearsalServer]:
    """Serve a rehearsal on 127.0.0.1 until the context is left.

    Args:
        options: How the platform behaves.
        folder: The folder for its files; created if it does not exist.
        port: The HTTP port; 0 lets the system choose.
        keep: The file with the options of the next part, secrets included, always up to date. A rehearsal whose
            process ended in any way resumes from it with the same agents. `report.json` is then up to date too.

    Raises:
        UsageError: The port is taken, or the folder cannot be used.
    """
    folder = _prepare_folder(folder)
    files = _Files(folder, options.part)
    platform = Platform(options, SystemClock().now, options.dice)
    app = create_app(platform, keep=files.thumbnail)
    keeper = None if keep is None else StateFile(platform, keep, lambda: files.report(platform, ended=False))
    if keeper is not None:
        app = keeper.wrap(app)
        _begin(keeper)
    realtime = Realtime(platform, app)
    try:
        async with Ingest(platform, folder, prefix=files.prefix) as ingest:
            platform.ingest_url = ingest.address
            async with (
                _http(OnlyLocal(realtime), port) as address,
                _run_beside(realtime.serve()),
                _run_beside(play_viewers(platform, options.viewers)),
            ):
                yield RehearsalServer(platform, address, ingest.address, folder)
    finally:
        if keeper is not None:
            keeper.keep_if_possible()
        with suppress(OSError):  # a request for it gets the answer that there is none
            files.report(platform, ended=True)


@asynccontextmanager
async def _run_beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run a task while the context is open; its error is raised at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


class _Files:
    """The files of one part of a rehearsal, next to those of its earlier parts."""

    def __init__(self, folder: Path, part: int) -> None:
        self._folder = folder
        self.prefix = f"part{part}-" if part > 1 else ""
        earlier = folder / "report.json"
        if part > 1 and earlier.exists():
            earlier.rename(folder / f"report-{part - 1}.json")

    def thumbnail(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path = path.with_name(self.prefix + path.name)
        try:
            private_file.own_folder(path.parent)
            with private_file.create(path) as file:
                file.write(content)
        except OSError:
            return ""  # the platform has it all the same
        return str(path)

    def report(self, platform: Platform, *, ended: bool) -> None:
        written = json.dumps({"ended": ended, **report.build(platform)}, indent=1)
        private_file.replace(self._folder / "report.json", written.encode())


def _begin(keeper: StateFile) -> None:
    try:
        keeper.save()
    except OSError as error:
        raise UsageError(f"the rehearsal cannot be kept: {error.strerror}") from None


def _prepare_folder(folder: Path) -> Path:
    try:
        return private_file.own_folder(folder)
    except OSError as error:
        raise UsageError(
            f"the rehearsal cannot use the folder {folder}: {error.strerror}", hint="name a folder of your own"
        ) from None


@asynccontextmanager
async def _http(app: ASGIApp, port: int) -> AsyncIterator[str]:
    # asyncio sets TCP_NODELAY only if the protocol is named; without it each answer takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"the rehearsal cannot listen on 127.0.0.1:{port}: {error.strerror}", hint="choose another port"
        ) from None
    config = uvicorn.Config(
        app,
        http=_Connection,
        loop="none",
        ws="wsproto",
        ws_ping_interval=None,  # Socket.IO has its own
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="critical",  # what goes wrong is seen by the client and in the report
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.ready.wait()
        if serving.done():
            await serving  # it ended before it began: by an error, which is raised here
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.ended.set()
        await serving


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and without waking up ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()

    async def main_loop(self) -> None:
        await self.ended.wait()


class _Connection(H11Protocol):
    """A connection that closes without an answer when the app drops it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app

        async def droppable(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            except ConnectionAbortedError:
                self.transport.abort()
                # uvicorn would answer 500 if it has not noticed yet that the client is gone.
                while (await receive())["type"] != "http.disconnect":
                    pass

        self.app = droppable
