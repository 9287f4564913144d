"""A PostgreSQL server of our own, from the programs that Debian's package brings, on a Unix socket."""

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

_PATIENCE = 60.0


def binaries() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def serving(programs: Path) -> Iterator[str]:
    """A server with an empty database; gives its URL. Nothing is left of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="retake-pg-", dir="/tmp"))  # a socket's path may have 107 characters only
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        data = folder / "data"
        initialise = ["initdb", "-D", str(data), "-U", "retake", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(_as_owner([str(programs / initialise[0]), *initialise[1:]]), check=True, capture_output=True)
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), "-c", "listen_addresses="]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(_as_owner([*command, "-c", "fsync=off"]), stdout=log, stderr=log)
        try:
            _await_ready(programs, folder, server)
            yield f"postgresql://retake@/postgres?host={folder}"
        finally:
            server.send_signal(signal.SIGINT)  # which waits for no client
            server.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder)


def _as_owner(command: list[str]) -> list[str]:
    # It refuses to be root; and it is to die with us, even when we are killed.
    owner = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        owner = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *owner, "--pdeathsig", "INT", *command]


def _await_ready(programs: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    ask = [str(programs / "pg_isready"), "-q", "-h", str(folder), "-t", "1"]
    while subprocess.run(ask, check=False).returncode != 0:
        assert server.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
