"""Recordings of pushes, as FLV."""

from __future__ import annotations

import errno
import os
import struct
from io import FileIO
from pathlib import Path

from retake_flow import private_file
from retake_flow.rehearsal.ingest.rtmp import AUDIO, DATA, VIDEO, Message

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

    def write(self, message: Message) -> None:
        """Append a message of audio, video or data.

        Raises:
            OSError: The file cannot be written; it holds only whole messages.
        """
        # In a file, metadata comes without the order to set them.
        payload = message.payload.removeprefix(_SET_DATA_FRAME) if message.kind == DATA else message.payload
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


def _is_setting(message: Message) -> bool:
    """Whether a message has metadata, or the settings of AVC (7) or AAC (10)."""
    if message.kind == DATA:
        return True
    codec = message.payload[:1]
    of_codec = codec and (codec[0] & 0x0F == 7 if message.kind == VIDEO else codec[0] >> 4 == 10)
    return bool(of_codec) and message.payload[1:2] == b"\0"


def frames(message: Message) -> int:
    """The number of frames in a message: 1 for a coded frame, 0 for everything else."""
    # FLV: the codec in the low four bits; AVC (7) tells in the next byte a frame (1) from its parameters.
    if message.kind != VIDEO or len(message.payload) < 2:
        return 0
    return int(message.payload[0] & 0x0F != 7 or message.payload[1] == 1)


def is_media(message: Message) -> bool:
    """Whether a message belongs in the recording."""
    return message.kind in (AUDIO, VIDEO, DATA)


def _tag(kind: int, timestamp: int, payload: bytes) -> bytes:
    # The time's highest byte comes last, after the 24 bits that FLV once had.
    time = (timestamp & 0xFFFFFF).to_bytes(3) + bytes([timestamp >> 24 & 0xFF])
    head = bytes([kind]) + len(payload).to_bytes(3) + time + bytes(3)
    return head + payload + (len(head) + len(payload)).to_bytes(4)
