"""Hosts that share a database server: namespaces on this machine, each with its own processes and /tmp, of one name."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import fresh_tmp
import postgres_server
import psutil
from flow_processes import WITHIN, Home, Record, RetakeTv, Running, at_home, command, waited, write_credentials
from run_programs import children, lives, program

TOKEN = "rtk_leases_0123456789"
#: The options of a retake.tv that knows the agent of the hosts.
OPTIONS: dict[str, object] = {"agents": [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}]}
_HOST = ("unshare", "--pid", "--uts", "--mount", "--fork", "--kill-child", "--mount-proc")
_BOOT = "/proc/sys/kernel/random/boot_id"
_SETTLED = f'{fresh_tmp.mounting()} && hostname studio && mount --bind "$HOME/boot_id" {_BOOT} && exec "$@"'


def journal(server: postgres_server.Server, run: str) -> list[Record]:
    """The records of a run; its numbers have neither gaps nor doubles."""
    found = _select(server, "SELECT number, data FROM records WHERE run = %s ORDER BY number", run)
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    return [json.loads(data) for _, data in found]


def epoch(server: postgres_server.Server, run: str) -> int:
    """How often a run was claimed."""
    return int(_select(server, "SELECT epoch FROM runs WHERE id = %s", run)[0][0])


def lease_until(server: postgres_server.Server, run: str) -> float:
    """Until when the lease of a run lasts, in seconds since the epoch."""
    return float(_select(server, "SELECT lease_until FROM runs WHERE id = %s", run)[0][0])


def _select(server: postgres_server.Server, query: str, run: str) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(server.url) as connection:
        return connection.execute(query, [run]).fetchall()  # type: ignore[arg-type]


def encoder(run: str) -> psutil.Process:
    """The encoder of a run on this machine."""
    found: psutil.Process = waited(lambda: program(run, "ffmpeg", "flv"), "an encoder")
    return found


@contextmanager
def a_host(folder: Path, tv: RetakeTv, **variables: str) -> Iterator[Home]:
    """A home on a host of its own, where the agent's credentials are."""
    write_credentials(folder / "owl.json", "owl", TOKEN, tv.address)
    own = {"RETAKE_API_URL": tv.address, "RETAKE_CREDENTIALS": str(folder / "owl.json")}
    with at_home(folder, **own, **variables) as home:
        (folder / "boot_id").write_text(f"{uuid4()}\n")
        yield home


def on_host(home: Home, *arguments: str) -> Running:
    """A command on a host of its own."""
    process = subprocess.Popen(
        [*_HOST, "sh", "-c", _SETTLED, "sh", *command(*arguments, "--json")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=home.environment,
    )
    home.started.append(Running(process))
    return home.started[-1]


def runner_of(running: Running) -> psutil.Process:
    """The program itself, inside its host."""
    found: psutil.Process = waited(lambda: next(iter(children(running.pid)), None), "the program")
    return found


def gone_after(process: psutil.Process) -> float:
    """Seconds after which a program was gone, without those in which the machine stood still."""
    seconds = 0.0
    while lives(process):
        assert seconds < WITHIN, "it does not end"
        looked = time.monotonic()
        time.sleep(0.01)
        seconds += min(time.monotonic() - looked, 1.0)
    return seconds
