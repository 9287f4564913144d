"""The RTMP ingest of the rehearsal: accepts video with the newest key, and records it as FLV."""

from __future__ import annotations

import asyncio
import errno
import os
import struct
from io import FileIO
from pathlib import Path
from typing import Self

from pyrtmp.messages.command import NCConnect, NCCreateStream, NSCloseStream, NSDeleteStream, NSPublish

from retake_flow import private_file
from retake_flow.errors import Rejected
from retake_flow.rehearsal import rtmp
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


_HEADER = b"FLV\x01\x05" + struct.pack(">II", 9, 0)  # with audio and video
_SET_DATA_FRAME = b"\x02\x00\x0d@setDataFrame"


class Recording:
    """One FLV file, created with the first message, and readable up to the last message at any time.

    If the file is removed meanwhile, it begins anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._settings: dict[tuple[int, bytes], bytes] = {}

    def write(self, message: rtmp.Message) -> None:
        """Append a message of audio, video or data.

        Raises:
            OSError: The file cannot be written; it holds only whole messages.
        """
        # In a file, metadata comes without the order to set them.
        payload = message.payload.removeprefix(_SET_DATA_FRAME) if message.kind == rtmp.DATA else message.payload
        tag = _tag(message.kind, message.timestamp, payload)
        if self._file is None or not self.path.exists():
            self._begin()
        self._append(tag)
        if _is_setting(message):
            self._settings[message.kind, payload[:1]] = tag

    def close(self) -> None:
        """Close the file, if it exists."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self.close()
        private_file.own_folder(self.path.parent)
        self._file = private_file.create(self.path)
        # A player needs the settings of the codecs, which are sent once.
        self._append(_HEADER + b"".join(self._settings.values()))

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        end = self._file.tell()
        if (self._file.write(data) or 0) < len(data):
            self._file.seek(end)
            self._file.truncate()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


def _is_setting(message: rtmp.Message) -> bool:
    """Whether a message has metadata, or the settings of AVC (7) or AAC (10)."""
    if message.kind == rtmp.DATA:
        return True
    codec = message.payload[:1]
    of_codec = codec and (codec[0] & 0x0F == 7 if message.kind == rtmp.VIDEO else codec[0] >> 4 == 10)
    return bool(of_codec) and message.payload[1:2] == b"\0"


def frames(message: rtmp.Message) -> int:
    """The number of frames in a message: 1 for a coded frame, 0 for everything else."""
    # FLV: the codec in the low four bits; AVC (7) tells in the next byte a frame (1) from its parameters.
    if message.kind != rtmp.VIDEO or len(message.payload) < 2:
        return 0
    return int(message.payload[0] & 0x0F != 7 or message.payload[1] == 1)


def is_media(message: rtmp.Message) -> bool:
    """Whether a message belongs in the recording."""
    return message.kind in (rtmp.AUDIO, rtmp.VIDEO, rtmp.DATA)


def _tag(kind: int, timestamp: int, payload: bytes) -> bytes:
    # The time's highest byte comes last, after the 24 bits that FLV once had.
    time = (timestamp & 0xFFFFFF).to_bytes(3) + bytes([timestamp >> 24 & 0xFF])
    head = bytes([kind]) + len(payload).to_bytes(3) + time + bytes(3)
    return head + payload + (len(head) + len(payload)).to_bytes(4)
