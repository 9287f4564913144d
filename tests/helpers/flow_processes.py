"""People and machines for the tests of whole runs: a home of its own, the program in it, and a retake.tv beside it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import json_output
import psutil
from run_programs import living, processes, programs

#: Seconds after which something that is waited for counts as not coming, also on a slow and busy machine.
WITHIN = 150.0
#: Seconds within which the programs of a run that has ended are gone: it has waited for them itself, and an encoder
#: that it forgot would end 10 seconds after its ingest.
SWEPT = 9.0
_SLOW_LOOK = 2.0  # seconds
#: The usual size takes twice the computing, and where nobody looks at the picture it only has to be there.
SMALL = "size=320x240"

Record = dict[str, Any]


def waited(wanted: Callable[[], Any], what: object = "", within: float = WITHIN, every: float = 0.02) -> Any:
    """The first true value of a condition; looking takes a third of a processor at most.

    A machine that stands still meanwhile uses up no more of the time than a slow look.
    """
    left, looked = within, time.monotonic()
    while not (value := wanted()):
        assert left > 0, f"waited in vain: {what or wanted}"
        took = min(time.monotonic() - looked, _SLOW_LOOK)
        pause = max(every, 2 * took)
        time.sleep(pause)
        left -= took + pause
        looked = time.monotonic()
    return value


def encoder(run: str) -> psutil.Process:
    """The one that encodes, once there is one: a run also has ffmpeg take a thumbnail, and measure its sound."""
    [only] = waited(lambda: len(found := programs(run, "ffmpeg", "-progress")) == 1 and found, "one encoder")
    return only


def numbered(records: list[Record]) -> list[Record]:
    """The journal of a run as it has printed it: without the numbers, which have neither gaps nor doubles.

    Each line also says the run, the agent and the host; some records of a journal have the first two themselves.
    """
    printed = [record for record in records if "number" in record]
    assert [record["number"] for record in printed] == list(range(1, len(printed) + 1))
    assert all({"run", "agent", "host"} <= record.keys() for record in printed)
    return [_without(record) for record in printed]


def _without(record: Record) -> Record:
    own = {"run"} if record["event"].startswith("run_") else {"agent"} if record["event"] == "account" else set()
    return {
        name: value for name, value in record.items() if name in own or name not in ("number", "run", "agent", "host")
    }


@dataclass
class Done:
    """A command that has ended.

    Attributes:
        code: Its exit code.
        out: What it wrote to standard output.
        err: What it wrote to standard error.
    """

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[Record]:
        """Its output as records."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"


class Running:
    """A command that goes on while the test does other things, and prints records."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.records: list[Record] = []
        self.out = ""
        self.err = ""
        self._news = threading.Condition()
        self._ended = False
        self._readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def until(self, event: str, **fields: object) -> Record:
        """The first record of this kind, when it has come."""
        deadline = time.monotonic() + WITHIN
        with self._news:
            while True:
                for record in self.records:
                    if record["event"] == event and fields.items() <= record.items():
                        return record
                left = deadline - time.monotonic()
                assert left > 0, f"no {event} {fields} so far: {self.records[-3:]}"
                assert not self._ended, f"it ended without {event} {fields}: {self.records[-3:]} {self.err}"
                self._news.wait(left)

    def on_air(self) -> Record:
        """Wait until it is on air, with a session that is live; gives the record of it."""
        return self.until("activity_started", activity="broadcast/pushing/on_air:chat")

    @property
    def run(self) -> str:
        """The id of its run."""
        return str(next(r["run"] for r in self.records if r["event"] in ("run_started", "run_resumed")))

    @property
    def store_notices(self) -> list[str]:
        """Its notices about its store so far."""
        return [r["message"] for r in self.records if r["event"] == "notice" and r.get("kind") == "store"]

    def kill(self) -> None:
        """As by kill -9; returns when it is dead."""
        self.process.kill()
        self._join()

    def finish(self, within: float = WITHIN) -> int:
        """Wait for its end; gives the exit code."""
        self.process.wait(within)
        self._join()
        return self.process.returncode

    def _join(self) -> None:
        self.process.wait(WITHIN)
        for reader in self._readers:
            reader.join(WITHIN)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._news:
                    self.out += line
                    self.records.append(json.loads(line))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.err += line


class Home:
    """Somebody's home, with a store of runs in it.

    Args:
        folder: Where it is; made when it is missing.
        variables: Settings, by their names in the environment.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
        own = {"HOME": str(folder), "RETAKE_FLOW_STATE": str(folder / "state"), "RETAKE_FLOW_STAGE": "off"}
        self.environment = {**kept, **own, **variables}
        self.started: list[Running] = []

    @property
    def state(self) -> Path:
        """The state folder."""
        return Path(self.environment["RETAKE_FLOW_STATE"])

    def call(self, *arguments: str, said: str = "", **variables: str) -> Done:
        """Run a command to its end; `said` is its standard input, which is no terminal."""
        done = subprocess.run(
            command(*arguments),
            input=said,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * WITHIN,
            env={**self.environment, **variables},
        )
        assert "Traceback" not in done.stderr, done.stderr
        json_output.hold(arguments, done.stdout)
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **variables: str) -> Running:
        """Start a command that prints records."""
        process = subprocess.Popen(
            command(*arguments, "--json"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **variables},
        )
        self.started.append(Running(process))
        return self.started[-1]

    def close(self) -> None:
        """End what still goes on."""
        for running in self.started:
            if running.process.poll() is None:
                running.kill()
            running._join()
            if "PYTEST_CURRENT_TEST" in os.environ:  # it shows this where a test fails
                print(running.process.args, running.process.returncode, running.err)
        waited(lambda: not self._kill_detached(), "the end of what was detached", every=0.05)

    def _kill_detached(self) -> list[psutil.Process]:
        """Kill the programs of this home that still live; gives them."""
        left = living(processes(), lambda one: one.environ().get("HOME") == str(self.folder))
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        return left

    def journal(self, run: str = "") -> list[Record]:
        """The records of a run, or of all of them, read without the program's help."""
        found = self._select("SELECT data FROM records WHERE run LIKE ? ORDER BY run, number", run or "%")
        return [json.loads(row["data"]) for row in found]

    def row(self, run: str = "") -> Record:
        """The row of a run in the store; of the one that began last without a name."""
        return self._select("SELECT * FROM runs WHERE id LIKE ? ORDER BY created DESC LIMIT 1", run or "%")[0]

    def asked(self, run: str) -> set[str]:
        """The requests to a run that are not done yet."""
        return {row["what"] for row in self._select("SELECT what FROM requests WHERE run = ?", run)}

    def _select(self, query: str, run: str) -> list[Record]:
        if place := self.environment.get("RETAKE_FLOW_STORE"):
            import psycopg
            from psycopg.rows import dict_row

            with psycopg.connect(place, row_factory=dict_row) as server:
                return server.execute(query.replace("?", "%s"), [run]).fetchall()  # type: ignore[arg-type]
        with closing(sqlite3.connect(self.state / "runs.sqlite", timeout=WITHIN)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, [run])]

    def texts(self) -> Iterator[tuple[Path, str]]:
        """Every file below, as text."""
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes().decode("latin-1")


def command(*arguments: str) -> list[str]:
    """The program, as somebody starts it; a stream has a small picture unless it is given a size."""
    streams = arguments[:2] == ("run", "go-live.yaml") and not any(word.startswith("size=") for word in arguments)
    return [sys.executable, "-m", "retake_flow", *arguments, *(("--set", SMALL) if streams else ())]


@contextmanager
def at_home(folder: Path, **variables: str) -> Iterator[Home]:
    """A home; nothing that was started in it goes on when it is left."""
    home = Home(folder, **variables)
    try:
        yield home
    finally:
        home.close()


def gone(run: str, within: float = SWEPT) -> None:
    """Wait until no program of a run lives."""
    waited(lambda: not programs(run), f"the end of {programs(run)}", within, 0.1)


@dataclass
class RetakeTv:
    """A retake.tv on this machine, which outlives the runs.

    Attributes:
        address: Where it is.
        kept: The file in which it keeps what it knows.
        process: It.
    """

    address: str
    kept: Path
    process: subprocess.Popen[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, path: str, body: object = None, token: str = "") -> Any:
        """Call it, by POST when there is a body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=WITHIN) as answer:
            return json.load(answer)

    def report(self) -> Any:
        """The report of the rehearsal so far."""
        return self.ask("/_rehearsal/report")

    def agent(self, name: str) -> Any:
        """The report of one agent so far."""
        return next(agent for agent in self.report()["agents"] if agent["name"] == name)

    def tweet(self, number: int, text: str) -> str:
        """Have a person post something; gives the address of the post."""
        url = f"https://x.com/owl/status/{1860000000000000000 + number}"
        self.ask("/_rehearsal/tweets", {"url": url, "text": text})
        return url

    def token(self, name: str) -> str:
        """The token of an agent, as the platform has it."""
        agents = json.loads(self.kept.read_text())["agents"]
        return str(next(agent["token"] for agent in agents if agent["name"] == name))


@contextmanager
def retake_tv(folder: Path, options: Mapping[str, object]) -> Iterator[RetakeTv]:
    """`retake-flow rehearsal`, until it is left."""
    folder.mkdir(parents=True)
    asked, kept = folder / "options.json", folder / "kept.json"
    asked.write_text(json.dumps(options))
    files = ["--folder", str(folder / "files"), "--options", str(asked), "--keep", str(kept)]
    with subprocess.Popen(command("rehearsal", "--json", *files), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield RetakeTv(json.loads(process.stdout.readline())["api_url"], kept, process)
            process.terminate()
            assert process.wait(WITHIN) == 0
        finally:
            if process.poll() is None:
                process.kill()


def write_credentials(path: Path, name: str, token: str, issued_by: str) -> None:
    """Give somebody the credentials of an agent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"access_token": token, "agent_name": name, "issued_by": issued_by}, file)
