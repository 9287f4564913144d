"""The RTMP ingest of the rehearsal: accepts video with the newest key, and records it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

from pyrtmp.messages.command import NCConnect, NCCreateStream, NSCloseStream, NSDeleteStream, NSPublish

from retake_flow.errors import Rejected
from retake_flow.rehearsal.ingest import rtmp
from retake_flow.rehearsal.ingest.recording import Recording, frames, is_media
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.rehearsal.state.streams import Publication
from retake_flow.sanitize import cut
from retake_flow.tasks import end

# Seconds that a client has to begin publishing; a port scan never does.
PATIENCE = 10.0

#: The only application; an address with another path leads nowhere.
APPLICATION = "app"

_BUFFER = 1 << 20


class Ingest:
    """Listens for publishers while its context is open.

    Args:
        platform: Decides which key is good, and gets the frames.
        port: The TCP port on 127.0.0.1; 0 lets the system choose.

    Raises:
        OSError: The port is not available.
    """

    def __init__(self, platform: Platform, folder: Path, port: int = 0, prefix: str = "") -> None:
        self._platform = platform
        self._recordings = folder / "recordings" / f"{prefix}push-"
        self._port = port
        self._pushes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._on_connection, "127.0.0.1", self._port, limit=_BUFFER)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await end(*self._pushes)
        await self._server.wait_closed()

    @property
    def address(self) -> str:
        """Where to push to, without the key."""
        return f"rtmp://127.0.0.1:{self._port}/{APPLICATION}"

    def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        push = asyncio.create_task(_Push(self._platform, self._recordings, reader, writer).run())
        self._pushes.add(push)
        push.add_done_callback(self._pushes.discard)


class _Push:
    """One connection, from its handshake to its end."""

    def __init__(
        self, platform: Platform, recordings: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._platform = platform
        self._recordings = recordings
        self._messages = rtmp.MessageReader(reader)
        self._writer = writer

    async def run(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._messages.handshake(self._writer)
                publication = await self._negotiate()
            if publication is not None:
                await self._receive(publication)
        except (ValueError, EOFError, OSError):
            pass  # a stranger, or the end of the connection; TimeoutError is an OSError
        finally:
            self._writer.close()
            await self._end()

    async def _end(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._writer.wait_closed()
        except OSError:
            self._writer.transport.abort()

    async def _negotiate(self) -> Publication | None:
        """Answer commands until the client publishes; None if its application or its key is refused."""
        connected = False
        while True:
            message = await self._messages.read()
            if message.kind != rtmp.COMMAND:
                continue
            command = rtmp.command(message)
            if isinstance(command, NCConnect):
                connected = rtmp.application(command) == APPLICATION
                if not connected:
                    await self._reject(command)
                    return None
                self._writer.write(rtmp.connect_accepted(command))
            elif isinstance(command, NCCreateStream):
                self._writer.write(rtmp.stream_created(command))
            elif isinstance(command, NSPublish):
                return await self._publish(command) if connected else None
            await self._writer.drain()

    async def _reject(self, command: NCConnect) -> None:
        self._platform.refused_pushes += 1
        reason = f"there is no application {cut(rtmp.application(command), 50)!r} here"
        self._writer.write(rtmp.connect_rejected(command, reason))
        await self._writer.drain()

    async def _publish(self, command: NSPublish) -> Publication | None:
        key = str(command.publishing_name).partition("?")[0]
        try:
            publication = self._platform.publish(key)
        except Rejected as refusal:
            self._writer.write(rtmp.publish_refused(command, refusal.message))
            await self._writer.drain()
            return None
        publication.on_close = lambda reason: self._writer.transport.abort()
        publication.on_stall = self._stall
        self._writer.write(rtmp.publish_accepted(command))
        await self._writer.drain()
        return publication

    def _stall(self, seconds: float | None) -> None:
        """Stop reading for that long, so that the client can no longer send."""
        transport = self._writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, transport.resume_reading)

    async def _receive(self, publication: Publication) -> None:
        name = f"{self._recordings.name}{publication.number:02}.flv"
        recording = Recording(self._recordings.with_name(name))
        try:
            while True:
                message = await self._messages.read()
                if is_media(message):
                    _record(message, recording, publication)
                    publication.video(frames(message))
                elif message.kind == rtmp.COMMAND and _is_end(message):
                    return
        finally:
            recording.close()
            publication.close()


def _record(message: rtmp.Message, recording: Recording, publication: Publication) -> None:
    try:
        recording.write(message)
    except OSError as error:
        publication.unrecorded = error.strerror or str(error)
        return  # the stream continues without it
    publication.recording = str(recording.path)


def _is_end(message: rtmp.Message) -> bool:
    return isinstance(rtmp.command(message), NSCloseStream | NSDeleteStream)
