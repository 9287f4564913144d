"""Hosts of a fleet on this machine: namespaces with their own processes and /tmp, and a way each to the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import fresh_tmp
import postgres_server
import psutil
from cuttable_port import CuttablePort, leading_to
from flow_processes import (
    Done,
    Home,
    RetakeTv,
    Running,
    at_home,
    command,
    retake_tv,
    waited,
    write_credentials,
)
from run_programs import lives, processes, program

#: The longest time that a run has without renewing its lease, in seconds; its process gives up after five sevenths.
LEASE = 6.0
_BOOT = "/proc/sys/kernel/random/boot_id"
# Its first process is no worker, which may die, and takes in orphans.
_FIRST = (
    f'{fresh_tmp.mounting()} && hostname "$0" && mount --bind "$1" {_BOOT} && '
    "echo ready && exec >&2; while :; do sleep 0.2; done"
)


class FleetHost:
    """A host of the fleet.

    Args:
        name: Its name.
        home: Where its state is.
        way: Its way to the database server.
        agents: The folder of its agents.
    """

    def __init__(self, name: str, home: Home, way: CuttablePort, agents: Path) -> None:
        self.name = name
        self.home = home
        self.way = way
        self._agents = agents
        self._power: subprocess.Popen[str] | None = None
        self._first: psutil.Process | None = None
        self.worker: Running | None = None

    def boot(self) -> None:
        """Switch it on."""
        boot = self.home.folder / "boot_id"
        boot.write_text(f"{uuid4()}\n")
        self.way.mend()
        host = (
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--uts",
            "--mount",
            "--fork",
            "--kill-child",
            "--mount-proc",
        )
        self._power = subprocess.Popen(
            [*host, "sh", "-c", _FIRST, self.name, str(boot)], stdout=subprocess.PIPE, text=True
        )
        assert self._power.stdout is not None
        with self._power.stdout as said:
            assert said.readline() == "ready\n"
        self._first = psutil.Process(self._power.pid).children()[0]

    def cut_power(self) -> None:
        """End everything on it at once, without a word."""
        self.way.cut("silent")
        if self._power is not None:
            self._power.kill()
            self._power.wait()
        self._power = None

    def start_worker(self, *more: str, capacity: float = 4.0) -> Running:
        """Start its worker, and wait until it takes runs."""
        self.worker = self._start_worker(capacity, *more)
        self.worker.until("worker_started")
        return self.worker

    def _start_worker(self, capacity: float, *more: str) -> Running:
        assert self._first is not None
        inside = ["nsenter", "--target", str(self._first.pid), "--pid", "--uts", "--mount", "--"]
        worker = command(
            *("worker", "--name", self.name, "--capacity", f"{capacity:g}", "--agents", str(self._agents)),
            *(*more, "--json"),
        )
        process = subprocess.Popen(
            [*inside, *worker],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.home.environment,
        )
        running = Running(process)
        self.home.started.append(running)
        return running

    @property
    def worker_process(self) -> psutil.Process:
        """The worker, as seen from outside."""
        assert self.worker is not None
        found: psutil.Process = psutil.Process(self.worker.pid).children()[0]
        return found

    def signal_worker(self, number: signal.Signals) -> None:
        """Send its worker a signal."""
        self.worker_process.send_signal(number)

    def has(self, process: psutil.Process) -> bool:
        """Whether a process is on this host."""
        if self._first is None or self._power is None:
            return False
        with suppress(OSError):  # one of the two has just ended
            return namespace(process.pid) == namespace(self._first.pid)
        return False

    def processes(self) -> list[psutil.Process]:
        """All its processes."""
        return [each for each in processes() if self.has(each) and each != self._first]


def namespace(pid: int) -> int:
    """The PID namespace of a process."""
    return os.stat(f"/proc/{pid}/ns/pid").st_ino


class Fleet:
    """A platform, a database server, and hosts that share both.

    Attributes:
        hosts: By name.
    """

    def __init__(self, stack: ExitStack, agents: Sequence[str], lease: float = LEASE) -> None:
        programs = postgres_server.binaries()
        assert programs is not None, "PostgreSQL's programs are not installed"
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp", prefix="fleet-")))
        tokens = {name: f"rtk_fleet_{name}_0123456789" for name in agents}
        options = {"agents": [{"name": n, "token": t, "user_id": f"user_{n}"} for n, t in tokens.items()]}
        self.tv: RetakeTv = stack.enter_context(retake_tv(self.folder / "tv", options))
        self.server = stack.enter_context(postgres_server.a_server(programs, connections=1500))
        self.agents = self.folder / "agents"
        self.agents.mkdir()
        for name, token in tokens.items():
            write_credentials(self.agents / f"{name}.json", name, token, self.tv.address)
        self._stack = stack
        self._settings = {"RETAKE_API_URL": self.tv.address, "RETAKE_FLOW_LEASE": f"{lease:g}s"}
        self._settings["RETAKE_FLOW_AGENTS"] = str(self.agents)
        self.hosts: dict[str, FleetHost] = {}
        self._asking = threading.local()
        here = {**self._settings, "RETAKE_FLOW_STORE": self.server.over(self.server.port)}
        self.desk = stack.enter_context(at_home(self.folder / "desk", **here))

    def host(self, name: str) -> FleetHost:
        """A host that is switched on."""
        way = self._stack.enter_context(leading_to(self.server.port))
        own = {**self._settings, "RETAKE_FLOW_STORE": self.server.over(way.port)}
        home = self._stack.enter_context(at_home(self.folder / name, **own))
        self.hosts[name] = FleetHost(name, home, way, self.agents)
        self._stack.callback(self.hosts[name].cut_power)
        self.hosts[name].boot()
        return self.hosts[name]

    def call(self, *arguments: str) -> Done:
        """A command of the operator, anywhere."""
        done = self.desk.call(*arguments)
        assert done.code == 0, done
        return done

    def submit(self, *arguments: str) -> str:
        """Submit a run; gives its id."""
        return str(self.call("submit", *arguments, "--json").records[0]["run"])

    def select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database, past every cut; each thread keeps a connection, since a new one costs much."""
        import psycopg

        kept: psycopg.Connection[Any] | None = getattr(self._asking, "connection", None)
        if kept is not None:
            with suppress(psycopg.OperationalError):  # the server was away meanwhile
                return kept.execute(query, values).fetchall()  # type: ignore[arg-type]
            kept.close()
        self._asking.connection = psycopg.connect(self.server.url, autocommit=True)
        self._stack.callback(self._asking.connection.close)
        return self._asking.connection.execute(query, values).fetchall()  # type: ignore[no-any-return]

    def epoch(self, run: str) -> int:
        """How often a run was claimed."""
        return int(self.select("SELECT epoch FROM runs WHERE id = %s", run)[0][0])

    def records(self, run: str, after: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """The records of a run after a number."""
        query = "SELECT number, data FROM records WHERE run = %s AND number > %s ORDER BY number"
        return [(number, json.loads(data)) for number, data in self.select(query, run, after)]

    def last(self, run: str) -> int:
        """The number of its last record."""
        return int(self.select("SELECT coalesce(max(number), 0) FROM records WHERE run = %s", run)[0][0])

    def encoder(self, run: str) -> psutil.Process:
        """Its encoder."""
        found: psutil.Process = waited(lambda: program(run, "ffmpeg", "flv"), "an encoder")
        return found

    def place(self, run: str) -> FleetHost:
        """The host that streams it."""
        found: FleetHost = waited(lambda: self._place(run), f"a host that streams {run}")
        return found

    def _place(self, run: str) -> FleetHost | None:
        encoder = program(run, "ffmpeg", "flv")
        return next((host for host in self.hosts.values() if encoder is not None and host.has(encoder)), None)

    def on_air(self, run: str, after: int = 0) -> None:
        """Wait until it is on air, with a session that is live, by the records after a number."""
        waited(lambda: self._is_on_air(run, after), f"{run} to be on air", every=0.05)

    def _is_on_air(self, run: str, after: int) -> bool:
        on = "broadcast/pushing/on_air:chat"
        found = self.records(run, after)
        return any(r["event"] == "activity_started" and r["activity"] == on for _, r in found)


class Takeover:
    """Follows how a run comes to another process: begun before something happens to it.

    Attributes:
        claimed, encoding, on_air: Seconds since `began` until each, and which encoder it was before and after.
    """

    def __init__(self, fleet: Fleet, run: str) -> None:
        self._fleet = fleet
        self._run = run
        self.epoch, self._last = fleet.epoch(run), fleet.last(run)
        self.before = fleet.encoder(run)
        self.gone: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch_encoder, daemon=True)
        self.began = time.monotonic()
        self._thread.start()

    def _watch_encoder(self) -> None:
        while not self._over.wait(0.01):
            if lives(self.before):
                continue
            self.gone = time.monotonic() - self.began
            return

    def since(self) -> float:
        """Seconds since it was begun."""
        return time.monotonic() - self.began

    def complete(self) -> dict[str, float]:
        """Wait until it is on air again; gives the seconds until each step."""
        waited(lambda: self._fleet.epoch(self._run) > self.epoch, "another claim", every=0.02)
        claimed = self.since()
        waited(self._another_encoder, "another encoder", every=0.02)
        encoding = self.since()
        self._fleet.on_air(self._run, self._last)
        on_air = self.since()
        self._over.set()
        self._thread.join()
        gone = -1.0 if self.gone is None else self.gone
        return {"encoder gone": gone, "claimed": claimed, "next encoder": encoding, "on air": on_air}

    def _another_encoder(self) -> bool:
        found = program(self._run, "ffmpeg", "flv")
        return found is not None and found.pid != self.before.pid


@contextmanager
def a_fleet(*agents: str, lease: float = LEASE) -> Iterator[Fleet]:
    """A fleet without hosts."""
    with ExitStack() as stack:
        yield Fleet(stack, agents, lease)


def sampled(take: Callable[[], Any], every: float) -> tuple[list[Any], Callable[[], None]]:
    """Take a sample again and again in a thread; gives the samples, and what ends it."""
    found: list[Any] = []
    over = threading.Event()

    def work() -> None:
        while not over.wait(every):
            with suppress(Exception):  # the server may be away
                found.append(take())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def end() -> None:
        over.set()
        thread.join()

    return found, end
