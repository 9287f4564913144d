"""Steps that run the program itself: rehearsals with the real programs of the studio, and simulations."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import postgres_server
import psutil
import pytest
import store_hosts
from flow_processes import Home, RetakeTv, Running, numbered, retake_tv, waited
from pytest_bdd import given, parsers, then, when
from starlette.testclient import TestClient
from stored_runs import a_gate, stored

from retake_flow.actions.liveness.lag import path_beside
from retake_flow.cli.main import main
from retake_flow.ports.runs import Claim
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import Moment
from retake_flow.settings import Settings
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs
from retake_flow.studio.processes.launcher import RUN_VARIABLE
from retake_flow.testing.fakes.moltbook import Moltbook
from retake_flow.testing.fakes.studio import PARTS
from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.web.operator_page import Page
from retake_flow.whatif.virtual_time import EPOCH
from retake_flow.wiring.storing import open_store

_ON_AIR = "broadcast/pushing/on_air"


class Program:
    """A command, by default `run go-live.yaml --rehearse`, with `--json`, and what it printed so far."""

    def __init__(
        self,
        home: Path,
        *more: str,
        words: Sequence[str] = ("run", "go-live.yaml", "--rehearse"),
        database: postgres_server.Server | None = None,
        lease: str = "35s",
    ) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
        command = [sys.executable, "-m", "retake_flow", *words, "--json", *more]
        self.records: list[dict[str, Any]] = []
        self.store = home / "state" / "runs.sqlite"
        environment |= {"HOME": str(home), "RETAKE_FLOW_STATE": str(self.store.parent)}
        if database is not None:
            environment |= {"RETAKE_FLOW_STORE": database.url, "RETAKE_FLOW_LEASE": lease}
        self.process = subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, text=True)
        # A run that hangs is told to stop, so that its output ends and the step that waits for it fails.
        self._limit = threading.Timer(120, self.process.terminate)
        self._limit.daemon = True
        self._limit.start()

    def until(self, event: str, **fields: object) -> None:
        """Read on to a record."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.records.append(json.loads(line))
            if self.records[-1]["event"] == event and fields.items() <= self.records[-1].items():
                return
        raise AssertionError(f"it ended without {event} {fields}: {self.records[-1:]}")

    def finish(self) -> int:
        """Read on to the end."""
        assert self.process.stdout is not None
        self.records += [json.loads(line) for line in self.process.stdout]
        self._limit.cancel()
        return self.process.wait(timeout=30)

    def children(self, name: str = "") -> list[psutil.Process]:
        """The living programs that bear the run's marker."""
        run = self.records[0]["run"]
        return [process for process in psutil.process_iter() if _bears(process, run) and name in ("", process.name())]

    @property
    def report(self) -> dict[str, Any]:
        """What the rehearsal saw."""
        for record in self.records:
            if record["event"] == "rehearsal_report":
                return record
        (file,) = self.store.parent.parent.rglob("report.json")  # of a run that ended with an error
        seen: dict[str, Any] = json.loads(file.read_text())
        return seen

    @property
    def soak(self) -> dict[str, Any]:
        """What a long rehearsal has shown."""
        return next(record for record in self.records if record["event"] == "soak_report")


def _bears(process: psutil.Process, run: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(RUN_VARIABLE) == run
    except psutil.Error:
        return False


@pytest.fixture
def started() -> Iterator[list[Program]]:
    """The programs that a scenario started; none outlives it."""
    programs: list[Program] = []
    yield programs
    for program in programs:
        if program.process.poll() is None:
            program.process.send_signal(signal.SIGTERM)
            program.finish()
        assert program.process.stdout is not None
        program.process.stdout.close()


@given("a home that holds nothing", target_fixture="home")
def empty_home(tmp_path: Path) -> Path:
    """Neither credentials nor settings."""
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def database() -> postgres_server.Server | None:
    """The database server that keeps the runs; usually a file does."""
    return None


@pytest.fixture
def lease() -> str:
    """For how long a process has a run."""
    return "35s"


@given(parsers.parse("a lease lasts {seconds:d} s"), target_fixture="lease")
def short_lease(seconds: int) -> str:
    """As `RETAKE_FLOW_LEASE` says."""
    return f"{seconds}s"


@given("its runs are kept on a database server", target_fixture="database")
def kept_on_server(request: pytest.FixtureRequest) -> postgres_server.Server:
    """A real one, which lasts as long as the scenario."""
    programs = postgres_server.binaries()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("PostgreSQL is not installed")
    lasting = ExitStack()
    request.addfinalizer(lasting.close)
    return lasting.enter_context(postgres_server.a_server(programs))


@when("the database server is restarted on air")
def server_restarted(program: Program, database: postgres_server.Server) -> None:
    """As by an update of the system, while the program goes on."""
    program.until("state_entered", state=_ON_AIR)
    database.stop()
    database.start()


@when(parsers.parse("an agent rehearses for {duration}"), target_fixture="program")
def rehearses(
    home: Path, duration: str, started: list[Program], database: postgres_server.Server | None, lease: str
) -> Program:
    """The program runs from here on."""
    started.append(Program(home, "--for", duration, database=database, lease=lease))
    return started[-1]


@when("the database server stays away")
def server_away(program: Program, database: postgres_server.Server) -> None:
    """From when the stream is on air."""
    program.until("state_entered", state=_ON_AIR)
    database.stop()


@when("the database server is back, and the run is resumed", target_fixture="program")
def resumed(
    home: Path, program: Program, started: list[Program], database: postgres_server.Server, lease: str
) -> Program:
    """By whoever comes first."""
    database.start()
    words = ("resume", program.records[0]["run"])
    started.append(Program(home, words=words, database=database, lease=lease))
    return started[-1]


@when(parsers.parse("another program locks its store for {seconds:d} s"))
def store_locked(program: Program, seconds: int) -> None:
    """It writes to the file, and does not end."""
    program.until("state_entered", state=_ON_AIR)
    with closing(sqlite3.connect(program.store, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Event().wait(seconds)
        other.execute("ROLLBACK")


@when(parsers.parse("an agent rehearses {hours} hours of a lively stream"), target_fixture="program")
def rehearses_long(home: Path, hours: str, started: list[Program]) -> Program:
    """With viewers, trolls and trouble of all sorts."""
    started.append(Program(home, "--hours", hours))
    return started[-1]


@when(parsers.parse("its {name} is killed on air"))
def killed_on_air(program: Program, name: str) -> None:
    """As by kill -9."""
    program.until("state_entered", state=_ON_AIR)
    (victim,) = program.children(name)
    victim.kill()


@when(parsers.parse("its store is {lost} on air"))
def store_lost(program: Program, lost: str) -> None:
    """As an operator does it by mistake, or by a backup."""
    program.until("state_entered", state=_ON_AIR)
    store = program.store
    copy = store.with_name("copy")
    if lost == "moved away":
        store.rename(copy)
        return
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    store.unlink()
    if lost == "replaced by its copy":
        copy.rename(store)
    elif lost == "replaced by a folder":
        store.mkdir()
    else:
        assert lost == "removed"


@then(parsers.parse("it has said once that its store {words}"))
def store_told(program: Program, words: str) -> None:
    """In one notice to people, which the journal has."""
    told = [
        record["message"] for record in program.records if record["event"] == "notice" and record["kind"] == "store"
    ]
    assert len(told) == 1
    assert words in told[0]


@then("nobody was told of its store")
def store_not_told(program: Program) -> None:
    """It was away too short for anybody to care."""
    assert not [each for each in program.records if each["event"] == "notice" and each["kind"] == "store"]


@then("the store has the run, completed, with its whole journal")
def store_has_it(program: Program, database: postgres_server.Server | None) -> None:
    """As anybody finds it, with the records that the program printed."""
    runs = open_runs(program.store if database is None else database.url)
    try:
        (summary,) = runs.summaries()
        assert (summary.id, summary.outcome) == (program.records[0]["run"], "completed")
        kept = [record for _, record in runs.journal(summary.id)]
        assert numbered(program.records) == kept
    finally:
        runs.close()


@then(parsers.parse("its error says that the last records of its journal are lost"))
def error_said(program: Program) -> None:
    """The one message with which it ends."""
    (error,) = [record for record in program.records if record["event"] == "error" and "place" not in record]
    assert "records of its journal are lost" in error["message"]


@then("its error says that the lease has run out")
def lease_over(program: Program) -> None:
    """The one message with which it ends, with what to do."""
    (error,) = [record for record in program.records if record["event"] == "error" and "place" not in record]
    assert "has run out, and could not be renewed" in error["message"]
    assert "see whether the database server runs" in error["hint"]


@then("no program that it started is left")
def no_program_left(program: Program) -> None:
    """None that bears the run's marker."""
    assert program.children() == []


@when("Ctrl-C is pressed when it is on air again")
def interrupted(program: Program) -> None:
    """As a terminal does it, to the program alone."""
    program.until("state_entered", state=_ON_AIR)
    program.process.send_signal(signal.SIGINT)


@then(parsers.parse("it exits with {code:d}"))
def exits(program: Program, code: int) -> None:
    """The exit code that the command line documents."""
    assert program.finish() == code


@then(parsers.parse("its last line says that the run is {outcome}"))
def last_line(program: Program, outcome: str) -> None:
    """The record `run_ended` is the last of all, also after the report."""
    assert program.records[-1]["event"] == "run_ended"
    assert program.records[-1]["outcome"] == outcome
    assert [record["event"] for record in program.records].count("run_ended") == 1


@then(
    parsers.parse(
        "the recording holds {seconds:g} s or more of {codec} {size} {pixels} at {rate:g} frames/s with {audio}"
    )
)
def recorded(program: Program, seconds: float, codec: str, size: str, pixels: str, rate: float, audio: str) -> None:
    """What ffprobe finds in the file; a busy machine may lose a few frames."""
    (recording,) = program.report["recordings"]
    video = recording["video"]
    assert video["duration_seconds"] >= seconds
    assert (video["codec"], f"{video['width']}x{video['height']}") == (codec, size)
    assert (video["pixel_format"], video["audio_codec"]) == (pixels, audio)
    assert video["frames"] / video["duration_seconds"] == pytest.approx(rate, rel=0.2)


@then("a thumbnail and a recording can be looked at")
def files(program: Program) -> None:
    """The report names files that are there."""
    assert Path(program.report["recordings"][0]["path"]).stat().st_size > 10_000
    assert Path(program.report["agents"][0]["thumbnails"][0]["path"]).read_bytes()[:4] in (
        b"\x89PNG",
        b"\xff\xd8\xff\xe0",
    )


@then("the rehearsal saw no rule broken")
def no_rule_broken(program: Program) -> None:
    """Keys, thumbnails, the pace of polls."""
    assert program.report["broken_rules"] == []


@then("the run has handled each entry of the chat exactly once")
def each_handled(program: Program) -> None:
    """Messages, tips and trades of viewers, bursts and trolls among them."""
    messages = program.soak["messages"]
    assert messages["written"] >= 60
    assert (messages["missed"], messages["twice"], messages["named"]) == (0, 0, [])


@then("it came back on air after the key was rotated and after its push was closed")
def came_back(program: Program) -> None:
    """A stream that was not on its way back already says how long it took."""
    assert {"rotate_key", "close_push"} <= program.soak["faults"]["streams"].keys()
    back = {each["after"]: each["seconds"] for each in program.soak["recoveries"]}
    assert back["rotate_key"] is not None
    assert back.get("close_push", 0.0) is not None


@then("it is told how soon the chat was read, and how much the runner took")
def measured(program: Program) -> None:
    """Seconds, bytes and shares of a core that can be true."""
    soak = program.soak
    assert 0 < soak["reaction"]["median"] <= soak["reaction"]["p95"] <= soak["reaction"]["longest"]
    assert soak["memory"]["highest"] >= soak["memory"]["settled"] > 10_000_000
    assert 0 < soak["cpu"] < 1


@then(parsers.parse("the rehearsal saw {used:d} keys used, none of them twice"))
def keys_used(program: Program, used: int) -> None:
    """A fresh key before every push."""
    keys = program.report["keys"]
    assert (keys["used"], keys["reused"], keys["refused_pushes"]) == (used, 0, 0)


@then("nothing it started is left")
def nothing_left(program: Program) -> None:
    """No program that bears the run's marker lives, and no session is open."""
    assert program.children() == []
    assert [s for s in program.report["agents"][0]["sessions"] if s["ended"] is None] == []


# --- hosts ---------------------------------------------------------------------------------------------------------


@dataclass
class Hosts:
    """Two hosts that share a database server, and a retake.tv.

    Attributes:
        streams: The processes that stream, the newest last.
        until: Until when the lease of the lost host lasts, in seconds since the epoch.
    """

    tv: RetakeTv
    server: postgres_server.Server
    first: Home
    second: Home
    streams: list[Running] = field(default_factory=list)
    until: float = 0.0


@given("two hosts of one name that share a database server", target_fixture="hosts")
def two_hosts(request: pytest.FixtureRequest, lease: str) -> Hosts:
    """With their own processes and their own /tmp."""
    if os.geteuid() != 0:
        pytest.skip("only root makes hosts of namespaces")
    server, lasting = kept_on_server(request), ExitStack()
    request.addfinalizer(lasting.close)
    folder = Path(lasting.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
    tv = lasting.enter_context(retake_tv(folder / "tv", store_hosts.OPTIONS))
    own = {"RETAKE_FLOW_STORE": server.over(server.port), "RETAKE_FLOW_LEASE": lease}
    first, second = (lasting.enter_context(store_hosts.a_host(folder / name, tv, **own)) for name in "ab")
    return Hosts(tv, server, first, second)


@when("an agent is live on the first host")
def live_on_first(hosts: Hosts) -> None:
    """As by `run`."""
    hosts.streams.append(store_hosts.on_host(hosts.first, "run", "go-live.yaml", "--set", "size=320x240"))
    hosts.streams[-1].on_air()


@then("the second host may neither resume its run nor begin another one")
def refused_on_second(hosts: Hosts) -> None:
    """Both end with 5, and name the run that lives."""
    run = hosts.streams[-1].run
    for words in (("resume", run), ("run", "go-live.yaml")):
        refused = store_hosts.on_host(hosts.second, *words)
        assert refused.finish() == 5
        assert run in refused.out


@when("the first host loses its power")
def power_cut(hosts: Hosts) -> None:
    """Everything on it is gone at once, and nobody says goodbye."""
    hosts.until = store_hosts.lease_until(hosts.server, hosts.streams[-1].run)
    hosts.streams[-1].kill()


@then("the second host resumes the run once its lease is over, and not before")
def resumed_on_second(hosts: Hosts) -> None:
    """Without `--force`."""
    while len(hosts.streams) < 2:
        resuming = store_hosts.on_host(hosts.second, "resume", hosts.streams[0].run)
        waited(lambda resuming=resuming: resuming.records, "a word of it")
        if resuming.records[0]["event"] != "error":
            assert time.time() >= hosts.until
            hosts.streams.append(resuming)


@then("the agent is live on the second host, with a new key")
def live_on_second(hosts: Hosts) -> None:
    """And ends there in order."""
    hosts.streams[-1].on_air()
    assert hosts.tv.report()["keys"]["used"] == 2
    assert hosts.tv.report()["keys"]["reused"] == 0
    store_hosts.runner_of(hosts.streams[-1]).send_signal(signal.SIGINT)
    assert hosts.streams[-1].finish() == 130
    assert hosts.tv.report()["broken_rules"] == []


# --- simulations ---------------------------------------------------------------------------------------------------


@dataclass
class Simulated:
    """A simulation that is to be, or that was: what it wrote, one object for the start and one a line."""

    folder: Path
    mocks: str = ""
    code: int = 0
    said: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)

    def play(self, flow: str, script: str, capsys: pytest.CaptureFixture[str]) -> None:
        """As by `retake-flow simulate`."""
        (self.folder / "script.jsonl").write_text(script)
        (self.folder / "mocks.yaml").write_text(self.mocks or "{}")
        capsys.readouterr()
        files = ["--start", flow, str(self.folder / "script.jsonl"), "--mock", str(self.folder / "mocks.yaml")]
        self.code = main(["simulate", *files])
        written = capsys.readouterr()
        self.said = written.err
        self.seen = [json.loads(line) for line in written.out.splitlines()]


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """The simulation of a scenario."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Simulated(tmp_path)


@given("these mocks")
def mocked(simulated: Simulated, docstring: str) -> None:
    """What actions answer by themselves."""
    simulated.mocks = docstring


@when("this script is simulated")
def simulate(simulated: Simulated, rehearsal: Rehearsal, docstring: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The flow is that of the scenario."""
    simulated.play(rehearsal.flow.file, docstring, capsys)


@then(parsers.parse('it is in "{state}" at first'))
def at_first(simulated: Simulated, state: str) -> None:
    """Before any line."""
    assert simulated.seen[0]["configuration"] == [state]


@then(parsers.parse('it is in "{state}" after line {number:d}'))
def after_line(simulated: Simulated, state: str, number: int) -> None:
    """The innermost active state is this one."""
    assert simulated.seen[number]["configuration"] == [state]


@then(parsers.parse("the variable {name} is {value:g} after line {number:d}"))
def variable_after(simulated: Simulated, name: str, value: float, number: int) -> None:
    """A variable of the flow itself."""
    assert simulated.seen[number]["vars"][name] == value


@then(parsers.parse("it is {time:g} s after line {number:d}"))
def time_after(simulated: Simulated, time: float, number: int) -> None:
    """Counted from the start."""
    assert simulated.seen[number]["time"] == time


@then(parsers.parse('line {number:d} is refused, since "{words}"'))
def line_refused(simulated: Simulated, number: int, words: str) -> None:
    """It is told with its number and these words, and nothing has changed."""
    refused = simulated.seen[number]
    assert refused["error"]["line"] == number
    assert words in refused["error"]["message"]
    assert (refused["entered"], refused["exited"]) == ([], [])


@then(parsers.re(r'the simulated run is (?P<outcome>\w+)(, since "(?P<words>.+)")?'))
def simulated_end(simulated: Simulated, outcome: str, words: str | None) -> None:
    """It ended in this way, and says these words about it."""
    assert simulated.seen[-1]["ended"] == outcome
    assert (words or "") in simulated.seen[-1]["reason"]


@then(parsers.parse("the simulation exits with {code:d}"))
def simulation_exits(simulated: Simulated, code: int) -> None:
    """The exit code that the command line documents."""
    assert simulated.code == code


@then(parsers.parse('the simulation says "{words}"'))
def simulation_says(simulated: Simulated, words: str) -> None:
    """A person reads these words."""
    assert words in simulated.said


# --- commands of the program, in this process -------------------------------------------------------------------


@dataclass
class Called:
    """What the last command ended with and wrote."""

    code: int = -1
    text: str = ""


@pytest.fixture
def called(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Called:
    """Commands are called in the folder of the agent, in an environment of its own."""
    monkeypatch.chdir(rehearsal.folder)
    for name in [name for name in os.environ if name.startswith(("RETAKE_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(rehearsal.folder))
    return Called()


@given(parsers.parse("the file {name} holds"))
def file_holds(rehearsal: Rehearsal, name: str, docstring: str) -> None:
    """In the folder of the agent."""
    file = rehearsal.folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(docstring + "\n", encoding="utf-8")


@given("a machine on which nothing is installed")
def bare_machine(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program can be found."""
    monkeypatch.setenv("PATH", "/nowhere")


@given(parsers.re(r"(?P<variable>[A-Z_]+) is set to (?P<value>\S+)"))
def setting(called: Called, variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment, and no other that says the same."""
    for name in ("https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)


@when(parsers.parse('"{line}" is called'))
def call(called: Called, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As `retake-flow` followed by these words."""
    capsys.readouterr()
    called.code = main(shlex.split(line))
    written = capsys.readouterr()
    called.text = written.out + written.err


@then(parsers.parse('it exits with {code:d} and says "{words}"'))
def exits_and_says(called: Called, code: int, words: str) -> None:
    """On standard output or beside it."""
    assert words in called.text, called.text
    assert called.code == code


@then("it says in this order")
def says_in_order(called: Called, docstring: str) -> None:
    """Each line holds words that stand behind those of the line before it."""
    rest = called.text
    for words in docstring.splitlines():
        _, found, rest = rest.partition(words)
        assert found, f"{words!r} is not said there:\n{called.text}"


@then(parsers.parse('it says "{words}"'))
def says(called: Called, words: str) -> None:
    """As before."""
    assert words in called.text


@then(parsers.parse("{place} was asked once"))
def asked_once(rehearsed: Rehearsed, place: str) -> None:
    """Whatever happened after the answer."""
    gates = [record["gate"] for record in rehearsed.records("gate_opened")]
    assert [gate for gate in gates if gate.startswith(f"{place}.")] == [f"{place}.1"]


# --- diagrams -----------------------------------------------------------------------------------------------------


@then(parsers.parse('it nowhere says "{words}"'))
def says_not(called: Called, words: str) -> None:
    """Neither on standard output nor beside it, though it said something."""
    assert called.text
    assert words not in called.text


@then(parsers.parse("the run in the picture is at {state}"))
def drawn_at(called: Called, state: str) -> None:
    """The innermost of the states that are marked as active."""
    assert json.loads(called.text)["run"]["active"][-1] == state


@then(parsers.parse("its way in the picture is {states}"))
def drawn_way(called: Called, states: str) -> None:
    """The states along the arrows that are marked."""
    assert json.loads(called.text)["run"]["way"] == states.split(", ")


# --- how soon a stream is opened ------------------------------------------------------------------------------


@when("the agent goes live once more", target_fixture="rehearsed")
def goes_live_again(rehearsal: Rehearsal, subject: Subject) -> Rehearsed:
    """Another run of the same agent, of which the agent knows what it has kept."""
    subject.of = rehearsed = rehearsal.play()
    return rehearsed


@when(parsers.parse("a stream shows as live {seconds:g} s after its first video"))
def lag_from_now_on(rehearsal: Rehearsal, seconds: float) -> None:
    """The platform has changed since the last stream."""
    rehearsal.options = replace(rehearsal.options, lag=seconds)


@given(
    parsers.re(
        "the platform tells that a session has started when it is (?P<event>live|opened), "
        "and lists it when it is (?P<listed>live|opened)"
    )
)
def tells(rehearsal: Rehearsal, event: str, listed: str) -> None:
    """Nobody knows when the real platform does."""
    moments: dict[str, Moment] = {"live": "live", "opened": "start"}
    rehearsal.options = replace(rehearsal.options, session_started=moments[event], live_users=moments[listed])


@given(parsers.parse('Moltbook refuses the post and says "{hint}"'))
def refusing(rehearsal: Rehearsal, hint: str) -> None:
    """There is a key for it, which is not good enough yet."""
    refusal = {"success": False, "error": "Your account cannot post yet", "hint": hint}
    rehearsal.moltbook = Moltbook(answers=[httpx.Response(403, json=refusal)])


@when(parsers.re("(?P<what>nonsense|an empty file|a folder|the lag of .+) is where the lag was kept"))
def spoilt(rehearsal: Rehearsal, what: str) -> None:
    """A crash, a person, or another program has been there."""
    path = path_beside(rehearsal.credentials)
    assert json.loads(path.read_text())
    path.unlink()
    if what == "a folder":
        path.mkdir()
        return
    lags = {"the lag of NaN s": [[float("nan"), 1.0, "looks"]], "the lag of years": [[-1e300, 1e300, "looks"]]}
    texts = {"nonsense": "\0{[", "an empty file": ""}
    path.write_text(texts[what] if what in texts else json.dumps({"retake.tv": lags[what]}))


@then(parsers.parse("it was on air {seconds:g} s at most after it was live"))
@then(parsers.parse("it was back on air {seconds:g} s at most after it was live again"))
def soon(rehearsed: Rehearsed, seconds: float) -> None:
    """From the moment the platform shows the last session live, to all that is to be done before the loops."""
    assert _opened(rehearsed) <= seconds


@then("it was on air no later than by the guide done literally")
def as_by_the_guide(rehearsed: Rehearsed) -> None:
    """Which asks every 3 s from the start of its encoder, and is allowed the same time for all else."""
    (push,) = rehearsed.report["recordings"]
    live = rehearsed.agent["sessions"][-1]["live"]
    began = push["opened"] - PARTS["encoder"][1]
    literally = next(began + 3.0 * number for number in range(20) if began + 3.0 * number >= live)
    assert _opened(rehearsed) <= literally - live + 0.5


def _opened(rehearsed: Rehearsed) -> float:
    """Seconds from the moment the last session was shown live until the run was on air with it."""
    on_air = datetime.fromisoformat(rehearsed.records("state_entered", state=_ON_AIR)[-1]["t"]).timestamp() - EPOCH
    return round(on_air - float(rehearsed.agent["sessions"][-1]["live"]), 3)


# --- the operator's page --------------------------------------------------------------------------------------


@dataclass
class Watched:
    """A run that asks, and the people at its page, with what each read last."""

    settings: Settings
    claim: Claim
    people: dict[str, TestClient] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)


@given("a run asks for the address of a post", target_fixture="watched")
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """In a store of its own; this process drives it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RETAKE_FLOW_STATE", str(tmp_path / "state"))
    settings = Settings.from_environment()
    return Watched(settings, stored(open_store(settings), "owl-1", a_gate(), holder=this_process()))


@given(parsers.re("(?P<first>Ann) and (?P<second>Bo) have followed the link of its page(?P<only>, which only shows)?"))
def follow_the_link(watched: Watched, first: str, second: str, only: str | None) -> None:
    """Each in a browser of their own, under their names."""
    page = Page(watched.settings, Secret("the-token-of-the-page"), 8765, read_only=bool(only))
    for name in (first, second):
        person = TestClient(page.app, base_url="http://127.0.0.1:8765")
        person.get(f"/enter?token=the-token-of-the-page&name={name}")
        assert "Post this" in person.get("/runs/owl-1").text
        watched.people[name] = person


@when(parsers.parse("{name} answers {address} on the page"))
def answer_on_the_page(watched: Watched, name: str, address: str) -> None:
    """By the form of the question."""
    answered = watched.people[name].post(
        "/runs/owl-1/gates/prove.1", data={"tweet_url": address}, headers={"accept": "application/json"}
    )
    watched.read[name] = answered.json()["message"]


@then(parsers.parse("{name} reads on the page: {words}"))
def read_on_the_page(watched: Watched, name: str, words: str) -> None:
    """In the answer to what they sent."""
    assert words in watched.read[name]


@then(parsers.parse("the run has the answer {address} of {name}"))
def has_the_answer(watched: Watched, address: str, name: str) -> None:
    """And only that one."""
    [answer] = watched.claim.answers().values()
    assert (answer.fields["tweet_url"], answer.by) == (address, name)


@then("the run has no answer")
def has_no_answer(watched: Watched) -> None:
    """It goes on asking."""
    assert not watched.claim.answers()
