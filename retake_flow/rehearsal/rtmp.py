"""RTMP for the ingest: the handshake, reading messages, and the answers to a publisher.

Commands and answers are pyrtmp's. Its reader of chunks is not used: it reads bit by bit, and gives a message whose
chunk has no header the time of the message before, so that audio drifts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bitstring import BitStream
from bitstring import Error as BitError
from pyrtmp.amf.serializers import AMF0Serializer
from pyrtmp.messages import Chunk
from pyrtmp.messages.command import CommandMessage
from pyrtmp.messages.protocol_control import SetChunkSize, SetPeerBandwidth, WindowAcknowledgementSize
from pyrtmp.messages.user_control import StreamBegin

CHUNK_SIZE = 1 << 20  # what we ask for: nearly every message is one chunk then

SET_CHUNK_SIZE, ABORT, AUDIO, VIDEO, DATA, COMMAND = 1, 2, 8, 9, 18, 20

_VERSION = 3
_HANDSHAKE_SIZE = 1536
_EXTENDED = 0xFFFFFF
_LARGEST_MESSAGE = 8 << 20
_MOST_STREAMS = 64


# pyrtmp logs everything it does not know at WARNING, which Python prints if no logger is set up. Its module `rtmp`,
# which sets up the root logger when it is imported, is not imported here.
_library = logging.getLogger("pyrtmp")
_library.addHandler(logging.NullHandler())
_library.propagate = False

# All errors of pyrtmp for bytes that are not a command.
_MALFORMED = (BitError, ValueError, LookupError, TypeError, AssertionError, NotImplementedError, RecursionError)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a publisher: its kind, its time in milliseconds and its content."""

    kind: int
    timestamp: int
    stream: int
    payload: bytes


@dataclass(slots=True)
class _ChunkStream:
    timestamp: int = 0
    step: int = 0  # the header's time field: the time itself, or what is added to it
    extended: bool = False
    length: int = 0
    kind: int = 0
    stream: int = 0
    payload: bytearray = field(default_factory=bytearray)
    partial: bool = False


class MessageReader:
    """Reads messages from chunks.

    Raises:
        ValueError: The input is not RTMP. All methods raise this, besides the errors of the stream at its end.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._chunk_size = 128
        self._streams: dict[int, _ChunkStream] = {}

    async def handshake(self, writer: asyncio.StreamWriter) -> None:
        """Perform the handshake with the client."""
        first = await self._reader.readexactly(1)
        if first[0] != _VERSION:
            raise ValueError("no RTMP handshake")
        theirs = await self._reader.readexactly(_HANDSHAKE_SIZE)
        ours = bytes(8) + os.urandom(_HANDSHAKE_SIZE - 8)
        writer.write(first + ours + theirs)
        await writer.drain()
        await self._reader.readexactly(_HANDSHAKE_SIZE)

    async def read(self) -> Message:
        """The next message; messages about the chunks themselves are obeyed and not returned."""
        while True:
            message = await self._chunk()
            if message is None:
                continue
            if message.kind == SET_CHUNK_SIZE:
                self._chunk_size = max(1, _number(message) & 0x7FFFFFFF)
            elif message.kind == ABORT:
                self._streams.pop(_number(message), None)
            else:
                return message

    async def _chunk(self) -> Message | None:
        form, number = await self._basic_header()
        stream = self._streams.get(number)
        if stream is None:
            # Type 3 has no header at all. ffmpeg's first chunk on a stream may be of type 1, as others read it.
            if form == 3 or len(self._streams) >= _MOST_STREAMS:
                raise ValueError("a chunk without its header")
            stream = self._streams[number] = _ChunkStream()
        await self._message_header(stream, form)
        missing = stream.length - len(stream.payload)
        stream.payload += await self._reader.readexactly(min(missing, self._chunk_size))
        stream.partial = len(stream.payload) < stream.length
        if stream.partial:
            return None
        payload, stream.payload = bytes(stream.payload), bytearray()
        return Message(stream.kind, stream.timestamp, stream.stream, payload)

    async def _basic_header(self) -> tuple[int, int]:
        (first,) = await self._reader.readexactly(1)
        form, number = first >> 6, first & 0x3F
        if number == 0:
            return form, (await self._reader.readexactly(1))[0] + 64
        if number == 1:
            low, high = await self._reader.readexactly(2)
            return form, low + high * 256 + 64
        return form, number

    async def _message_header(self, stream: _ChunkStream, form: int) -> None:
        header = await self._reader.readexactly((11, 7, 3, 0)[form])
        if form < 3:
            stream.step = int.from_bytes(header[0:3])
            stream.extended = stream.step == _EXTENDED
        if form < 2:
            stream.length = int.from_bytes(header[3:6])
            stream.kind = header[6]
            if stream.length > _LARGEST_MESSAGE:
                raise ValueError("a message without measure")
        if form == 0:
            stream.stream = int.from_bytes(header[7:11], "little")
        if stream.extended:
            stream.step = int.from_bytes(await self._reader.readexactly(4))
        if stream.partial and form == 3:
            return
        stream.payload.clear()
        # The time of a message with a chunk of type 3 advances by the same step (specification, 5.3.1.2.4).
        start = 0 if form == 0 else stream.timestamp
        stream.timestamp = (start + stream.step) & 0xFFFFFFFF


def command(message: Message) -> Any:
    """The command in a message, as one of pyrtmp's.

    Raises:
        ValueError: The message has no command.
    """
    try:
        return CommandMessage.from_chunk(
            Chunk(
                chunk_type=0,
                chunk_id=3,
                timestamp=0,
                msg_length=len(message.payload),
                msg_type_id=message.kind,
                msg_stream_id=message.stream,
                payload=message.payload,
            )
        )
    except _MALFORMED:
        raise ValueError("a command that cannot be read") from None


def connect_accepted(connect: Any) -> bytes:
    """The answers to `connect`."""
    return _encode(
        [
            WindowAcknowledgementSize(ack_window_size=5_000_000),
            SetPeerBandwidth(ack_window_size=5_000_000, limit_type=2),
            # ffmpeg sends chunks of the size that it is sent.
            SetChunkSize(chunk_size=CHUNK_SIZE),
            connect.create_response(),
        ]
    )


def connect_rejected(connect: Any, reason: str) -> bytes:
    """The answer to `connect` that makes the client give up."""
    return _refusal(connect, "_error", connect.transaction_id, "NetConnection.Connect.Rejected", reason)


def application(connect: Any) -> str:
    """The application that a client connects to: the path of its address, without the key."""
    wanted = connect.command_object.get("app") if isinstance(connect.command_object, dict) else None
    return str(wanted or "").partition("?")[0].strip("/")


def stream_created(create_stream: Any) -> bytes:
    """The answer to `createStream`."""
    return _encode([create_stream.create_response()])


def publish_accepted(publish: Any) -> bytes:
    """The answers to `publish` that let the publisher begin."""
    return _encode([StreamBegin(stream_id=1), publish.create_response()])


def publish_refused(publish: Any, reason: str) -> bytes:
    """The answer to `publish` that makes the publisher give up."""
    return _refusal(publish, "onStatus", 0, "NetStream.Publish.BadName", reason)


def _refusal(command: Any, name: str, transaction: float, code: str, reason: str) -> bytes:
    data = BitStream()
    for value in (name, transaction, None, {"level": "error", "code": code, "description": reason}):
        AMF0Serializer.create_object(data, value)
    answer = command.create_response()
    answer.payload, answer.msg_length = data.bytes, len(data.bytes)
    return _encode([answer])


def _encode(messages: Iterable[Any]) -> bytes:
    # Each message with its full header: pyrtmp's short ones refer to the message before, whatever its stream.
    return b"".join(raw.to_bytes() for message in messages for raw in message.to_raw_chunks(CHUNK_SIZE))


def _number(message: Message) -> int:
    if len(message.payload) < 4:
        raise ValueError("a control message without its number")
    (value,) = struct.unpack_from(">I", message.payload)
    return int(value)
