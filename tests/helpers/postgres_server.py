"""A PostgreSQL server of our own, from the programs that Debian's package brings, on a Unix socket and a port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from free_port import free_port

_PATIENCE = 120.0  # seconds


def binaries() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class Server:
    """A server with an empty database, which can be stopped and started again.

    Attributes:
        url: Its URL, over its Unix socket, with the time that a busy machine takes to connect.
        port: Its port on 127.0.0.1.
    """

    def __init__(self, programs: Path, folder: Path, connections: int = 100) -> None:
        self.port = free_port()
        self.url = f"postgresql://retake@/postgres?host={folder}&port={self.port}&connect_timeout=60"
        self._programs = programs
        self._connections = connections
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def over(self, port: int) -> str:
        """Its URL over a port of 127.0.0.1, such as that of a network which can be cut."""
        return f"postgresql://retake@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)]
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self.port}", "-c", "fsync=off"]
        settings += ["-c", f"max_connections={self._connections}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(_as_owner([*command, *settings]), stdout=log, stderr=log)
        self._await_ready()

    def stop(self) -> None:
        """Stop it; it waits for no client."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_PATIENCE)
            self._process = None

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        ask = [str(self._programs / "pg_isready"), "-q", "-h", str(self._folder), "-p", str(self.port), "-t", "1"]
        while subprocess.run(ask, check=False).returncode != 0:
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, (self._folder / "log").read_text()


@contextmanager
def a_server(programs: Path, connections: int = 100) -> Iterator[Server]:
    """A server that runs; nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="retake-pg-", dir="/tmp"))  # a socket's path may have 107 characters only
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = str(folder / "data")
        initialise = ["initdb", "-D", data, "-U", "retake", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(_as_owner([str(programs / initialise[0]), *initialise[1:]]), check=True, capture_output=True)
        server = Server(programs, folder, connections)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def serving(programs: Path) -> Iterator[str]:
    """A server that runs; gives its URL."""
    with a_server(programs) as server:
        yield server.url


def _as_owner(command: list[str]) -> list[str]:
    # It refuses to be root; and it is to die with us, even when we are killed.
    owner = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        owner = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *owner, "--pdeathsig", "INT", *command]
