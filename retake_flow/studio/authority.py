"""Display authority: the cookie that lets programs into a display, and nobody else (Xsecurity(7))."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from retake_flow import os_errors, private_file
from retake_flow.errors import StudioError
from retake_flow.quick_dataclasses import dataclass, field

_METHOD: Final = b"MIT-MAGIC-COOKIE-1"
_WILD: Final = 0xFFFF  # the entry for any address and display
_LITTLE_ENDIAN: Final = ord("l")


@dataclass(frozen=True, slots=True)
class Authority:
    """A cookie, and the file that gives it to the server and its clients."""

    path: Path
    cookie: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)

    def ensure_file(self) -> Path:
        """The file, written again if it is gone, which only its owner can read.

        Raises:
            HostError, StudioError: The file cannot be written.
        """
        if not self.path.exists():  # it may have been removed with its folder
            entry = struct.pack(">H", _WILD) + b"".join(map(_with_length, (b"", b"", _METHOD, self.cookie)))
            try:
                private_file.replace(self.path, entry)
            except OSError as error:
                doing = "the key of the display cannot be kept"
                raise os_errors.host_error(error, doing) or StudioError(f"{doing}: {error.strerror}") from None
        return self.path

    @property
    def greeting(self) -> bytes:
        """The set-up request of the X protocol, version 11.0, with the cookie."""
        lengths = struct.pack("<BxHHHHxx", _LITTLE_ENDIAN, 11, 0, len(_METHOD), len(self.cookie))
        return lengths + _pad(_METHOD) + _pad(self.cookie)


@contextmanager
def authority_in(folder: Path) -> Iterator[Authority]:
    """A new cookie whose file in the folder is removed afterwards."""
    authority = Authority(folder / f"authority-{secrets.token_hex(4)}")
    try:
        yield authority
    finally:
        private_file.remove(authority.path)


def _with_length(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def _pad(text: bytes) -> bytes:
    return text + bytes(-len(text) % 4)
