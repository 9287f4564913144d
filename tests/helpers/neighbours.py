"""Programs between a machine and retake.tv: a proxy that opens tunnels, and servers with certificates."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Authority:
    """A certificate authority that nobody else knows, and a server's certificate of it.

    Attributes:
        file: The authority's certificate.
        chain: The server's certificate with its key.
    """

    file: Path
    chain: Path

    @classmethod
    def made(cls, folder: Path, *hosts: str) -> Authority:
        """A new one, in `folder`, with a certificate for some hosts."""
        folder.mkdir(parents=True, exist_ok=True)

        def openssl(*arguments: str) -> None:
            subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

        names = ",".join(f"DNS:{host}" for host in hosts)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Nest", "-days", "2")
        openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={hosts[0]}")
        (folder / "names").write_text(f"subjectAltName={names}\n")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", "server.csr", "-out", "server.pem", *signed)
        (folder / "chain.pem").write_text((folder / "server.key").read_text() + (folder / "server.pem").read_text())
        return cls(folder / "ca.pem", folder / "chain.pem")


class _Server:
    """A proxy that opens tunnels (CONNECT) into an encrypted server, which passes everything on to a plain one.

    Args:
        options: As `gate` has them.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._encrypted = 0

    async def serve(self) -> None:
        """Tell the port, and serve for ever."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._options["chain"])
        server = await asyncio.start_server(self._decrypted, "127.0.0.1", 0, ssl=context)
        proxy = await asyncio.start_server(self._asked, "127.0.0.1", 0)
        self._encrypted, port = (each.sockets[0].getsockname()[1] for each in (server, proxy))
        print(port, flush=True)
        await asyncio.Event().wait()

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            _append(self._options["heads"], (json.dumps(head) + "\n").encode())
            password = self._options["password"]
            known = not password or base64.b64encode(password.encode()).decode() in head
            refused = self._options["answer"] or ("" if known else "407 Proxy Authentication Required")
            if refused or not head.startswith("CONNECT "):
                writer.write(f"HTTP/1.1 {refused or '405 No'}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
            else:
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await self._joined(reader, writer, self._encrypted, self._options["seen"])
        writer.close()

    async def _decrypted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await self._joined(reader, writer, self._options["served"], "")
        writer.close()

    @staticmethod
    async def _joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, kept: str) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)

        async def passed(source: asyncio.StreamReader, sink: asyncio.StreamWriter, file: str) -> None:
            with suppress(OSError, RuntimeError):
                while data := await source.read(65536):
                    if file:
                        _append(file, data)
                    # What stands for retake.tv here is a rehearsal, which answers to this machine's names alone.
                    sink.write(data.replace(b"\r\nHost: retake.tv\r\n", b"\r\nHost: 127.0.0.1\r\n"))
                    await sink.drain()
            with suppress(OSError, RuntimeError):
                sink.close()

        await asyncio.gather(passed(reader, outer, kept), passed(inner, writer, ""))


def _append(file: str, data: bytes) -> None:
    with open(file, "ab") as opened:
        opened.write(data)


@dataclass(frozen=True)
class Gate:
    """A proxy, seen from outside.

    Attributes:
        folder: Where it writes what it sees.
        port: Where it listens, on loopback.
    """

    folder: Path
    port: int

    @property
    def heads(self) -> list[str]:
        """Its requests, with the headers."""
        return [json.loads(line) for line in (self.folder / "heads").read_text().splitlines()]

    @property
    def seen(self) -> bytes:
        """Every byte that clients sent through it."""
        return (self.folder / "seen").read_bytes()

    def by(self, user: str = "") -> Mapping[str, str]:
        """The variables of somebody who has to go through it."""
        return {"HTTPS_PROXY": f"http://{user}127.0.0.1:{self.port}"}


@contextmanager
def gate(folder: Path, served: int, authority: Authority, password: str = "", answer: str = "") -> Iterator[Gate]:
    """A proxy, in a process of its own.

    Args:
        folder: Where it writes what it sees.
        served: The port of the plain server to which all that comes is passed on.
        authority: Vouches for the server that it stands for.
        password: What clients have to give; "" for nothing.
        answer: What it answers instead of opening a tunnel; "" to open it.
    """
    folder.mkdir(parents=True)
    options = {"served": served, "chain": str(authority.chain), "password": password, "answer": answer}
    for name in ("heads", "seen"):
        (folder / name).touch()
        options[name] = str(folder / name)
    command = [sys.executable, __file__, json.dumps(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Gate(folder, int(process.stdout.readline()))
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_Server(json.loads(sys.argv[1])).serve())
