"""Allowed hosts: the hosts that a page may reach, for our own check of each request and for Chromium's network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from retake_flow.errors import InputError
from retake_flow.quick_dataclasses import dataclass

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
