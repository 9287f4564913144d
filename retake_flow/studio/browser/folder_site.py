"""Folder site: the files of a folder, as answers to a browser's requests."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from retake_flow.errors import InputError
from retake_flow.quick_dataclasses import dataclass

ORIGIN: Final = "https://stage.invalid"
#: The largest file, in bytes: it is handed over as a whole. Films belong into `studio.film`.
LARGEST_FILE: Final = 32 * 1024 * 1024
_SAFELY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: Types that a machine's own table may lack.
_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request.

    Attributes:
        reason: Why the file is not served, in words for a person; "" when it is.
    """

    status: int
    type: str = "text/plain"
    body: bytes = b""
    reason: str = ""


class FolderSite:
    """A folder whose plain files are served as `https://stage.invalid/`.

    A link that leads out of the folder is not followed, and neither devices nor pipes are opened.

    Raises:
        InputError: It does not exist.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.folder = folder.resolve(strict=True)
        except (OSError, RuntimeError):
            self.folder = folder.absolute()
        if not self.folder.is_dir():
            raise InputError(
                f"there is no folder {folder}", hint="name a folder with an index.html, beside the flow's file"
            )
        if not (self.folder / "index.html").is_file():
            raise InputError(f"there is no index.html in {folder}", hint="the page begins with it")

    def answer(self, url: str) -> Answer:
        """The answer to a request of an address that starts with `ORIGIN`."""
        path = unquote(urlsplit(url).path).lstrip("/")
        if "\0" in path:
            return Answer(404, reason="its name cannot be one of a file")
        try:
            # Links inside the folder are followed here; afterwards none may be in the way.
            real = (self.folder / path).resolve(strict=True)
            if real.is_dir():
                real = (real / "index.html").resolve(strict=True)
            if not real.is_relative_to(self.folder):
                return Answer(404, reason="it leads out of the folder")
            if any(part.startswith(".") for part in real.relative_to(self.folder).parts):
                return Answer(404, reason="it is hidden")
            if not real.is_file():
                return Answer(404, reason="it is not a plain file")
            content = _read(self.folder, real.relative_to(self.folder).parts)
        except _Unservable as error:
            return Answer(error.status, reason=str(error))
        except (OSError, RuntimeError, ValueError):
            return Answer(404, reason="there is no such file")
        suffix = real.suffix.lower()
        return Answer(200, _type(suffix), content)


class _Unservable(Exception):
    """A file that is not served."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _read(folder: Path, parts: tuple[str, ...]) -> bytes:
    """The content of a plain file below a folder, without following any link."""
    handle = os.open(folder, _SAFELY | os.O_DIRECTORY)
    try:
        for part in parts:
            below = os.open(part, _SAFELY, dir_fd=handle)
            os.close(handle)
            handle = below
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise _Unservable(404, "it is not a plain file")
        if found.st_size > LARGEST_FILE:
            raise _Unservable(413, f"it has more than {LARGEST_FILE} bytes")
        with open(handle, "rb", closefd=False) as file:
            return file.read(LARGEST_FILE)
    finally:
        os.close(handle)


def _type(suffix: str) -> str:
    known = _TYPES.get(suffix, "")
    if not known:
        import mimetypes  # its tables take longer to import than this whole package

        known = mimetypes.types_map.get(suffix, "application/octet-stream")
    return f"{known}; charset=utf-8" if known.startswith("text/") else known
