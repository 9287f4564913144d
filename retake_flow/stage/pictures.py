"""Pictures: files as data URIs, since the stage loads nothing."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from retake_flow import plain_file

LARGEST: Final = 350 << 10  # bytes
_KINDS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


class Pictures:
    """The pictures that a run's stage may show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, name: str, *, anywhere: bool = False) -> str:
        """A picture as a data URI; "" for one that cannot be shown.

        Args:
            name: The name of a file in the flow's folder, or a data URI.
            anywhere: Whether it may be outside the flow's folder.
        """
        if name.startswith("data:image/"):
            return name
        try:
            path = (self._folder / name).resolve()
            return data_uri(path) if anywhere or path.is_relative_to(self._folder) else ""
        except (ValueError, OSError, RuntimeError):  # the last for a circle of links
            return ""


def data_uri(path: Path) -> str:
    """A picture's file as a data URI.

    Raises:
        ValueError: It is not a picture of a known kind, cannot be read, or is too large.
    """
    try:
        data = plain_file.read(path, LARGEST)
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be read") from None
    kind = next((kind for start, kind in _KINDS if data.startswith(start)), "")
    if not kind:
        raise ValueError("it is not a picture of a known kind")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
