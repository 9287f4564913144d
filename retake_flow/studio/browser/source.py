"""Source: where a page comes from, a folder or an address, and what the requests that it makes are answered with."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from retake_flow.errors import InputError
from retake_flow.quick_dataclasses import dataclass, field

_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_NAME: Final = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?"
_HOST: Final = rf"(?:\*\.)?{_NAME}(?:\.{_NAME})*|\[[0-9a-f:.]+\]"
PATTERN: Final = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Hosts that a page may reach.

    Attributes:
        entries: Hosts and ports; a host that begins with `*.` stands for all hosts below it.
    """

    entries: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, hosts: Iterable[str]) -> AllowedHosts:
        """The hosts of an `allow` list: `example.org`, `*.example.org`, `127.0.0.1:8080`.

        A host without a port may be reached on the ports of HTTP and HTTPS, 80 and 443.

        Raises:
            InputError: An entry is not a host.
        """
        entries: set[tuple[str, int]] = set()
        for text in hosts:
            found = PATTERN.fullmatch(text.strip())
            if found is None or int(found["port"] or 1) > 65535:
                raise InputError(
                    f"{text!r} in `allow` is not a host",
                    hint="write a host, with a port if it is not 80 or 443: example.org, *.example.org, 127.0.0.1:8080",
                )
            ports = (int(found["port"]),) if found["port"] else (80, 443)
            entries.update((found["host"].lower(), port) for port in ports)
        return cls(frozenset(entries))

    def with_url(self, url: str) -> AllowedHosts:
        """These hosts and the host of an address.

        Raises:
            InputError: It is not an address of a web page, or it bears a password, which journals would show.
        """
        place = _place(url)
        if place is None or urlsplit(url).scheme not in ("http", "https"):
            raise InputError(f"{url!r} is not the address of a page", hint="begin it with https:// or http://")
        if "@" in urlsplit(url).netloc:
            raise InputError(
                "the address of a page may not hold a user name or a password",
                hint="show a page that needs none, since everybody who reads the journal would see it",
            )
        return AllowedHosts(self.entries | {place})

    def permits(self, url: str) -> bool:
        """Whether a page may request an address."""
        place = _place(url)
        if place is None:
            return False
        host, port = place
        parents = [host.split(".", n)[-1] for n in range(1, host.count(".") + 1)]
        return any((name, port) in self.entries for name in (host, *(f"*.{parent}" for parent in parents)))

    @property
    def switches(self) -> tuple[str, ...]:
        """Chromium's command-line options that close all other hosts, for every kind of connection.

        All others go to a proxy that does not exist: WebSockets too, which our own check of requests never sees.
        """
        exceptions = sorted(f"{host}:{port}" for host, port in self.entries)
        names = sorted({host for host, _ in self.entries})
        return (
            "--proxy-server=http://none.invalid:1",
            # The last rule that fits counts: none but these of this machine.
            f"--proxy-bypass-list={';'.join(('<-loopback>', *exceptions))}",
            f"--host-resolver-rules={' , '.join(('MAP * ~NOTFOUND', *(f'EXCLUDE {name}' for name in names)))}",
        )


def _place(url: str) -> tuple[str, int] | None:
    """The host and port of a web address; None for anything else."""
    if "\\" in url:  # a slash to browsers, part of a name to Python
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if not (host and port and parts.scheme in _PORTS):
        return None
    return (f"[{host}]" if ":" in host else host), port


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


#: Requests without a host of their own, which stay inside the browser.
_INSIDE: Final = ("data:", "blob:", "about:")


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a page.

    Attributes:
        site: The folder that it comes from; None for one of the web.
    """

    url: str
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    site: FolderSite | None = None

    def answer(self, url: str) -> Answer | None:
        """The answer to a request of the page; None when it may go to the web."""
        if url.startswith(f"{ORIGIN}/") and self.site is not None:
            return self.site.answer(url)
        if url.startswith(_INSIDE) or self.hosts.permits(url):
            return None
        return Answer(403, reason="its host is not in `allow`")


def source_of(place: Path | str, allow: Sequence[str] = ()) -> Source:
    """The source of a page.

    Args:
        place: A folder with an `index.html`, or an address.
        allow: The hosts that it may reach, besides the host of an address.

    Raises:
        InputError: There is no such folder, or it is no address, or a host is not one.
    """
    hosts = AllowedHosts.of(allow)
    if isinstance(place, Path):
        return Source(f"{ORIGIN}/", hosts, FolderSite(place))
    return Source(place, hosts.with_url(place))
