"""Recording what is pushed, as FLV."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from retake_flow.rehearsal.rtmp import AUDIO, DATA, VIDEO, Message

_HEADER = b"FLV\x01\x05" + struct.pack(">II", 9, 0)  # with audio and video
_SET_DATA_FRAME = b"\x02\x00\x0d@setDataFrame"


class Recording:
    """One FLV file, made when the first message comes, readable up to the last one at any time.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def write(self, message: Message) -> None:
        """Append a message of audio, video or data.

        Raises:
            OSError: The file cannot be written.
        """
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("wb")
            self._file.write(_HEADER)
        # In a file, metadata comes without the order to set them.
        payload = message.payload.removeprefix(_SET_DATA_FRAME) if message.kind == DATA else message.payload
        self._file.write(_tag(message.kind, message.timestamp, payload))
        self._file.flush()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def frames(message: Message) -> int:
    """How many pictures a message holds: 1 for a coded frame, 0 for everything else."""
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
