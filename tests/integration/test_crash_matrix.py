"""The runner is killed at boundaries of its journal, with real programs and a retake.tv that outlives it."""

from __future__ import annotations

import itertools
import json
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import postgres_server
import pytest
from flow_processes import WITHIN, Done, Home, Record, RetakeTv, at_home, gone, retake_tv, write_credentials

pytestmark = pytest.mark.real

OPENING = "matrix: we are live"
KILLED = -9
AT_ONCE = 4
PREPARED = 240
ALL = os.environ.get("RETAKE_FLOW_CRASHES") == "all"
#: With this, the runs are kept on a database server, each in tables of its own.
ON_SERVER = os.environ.get("RETAKE_FLOW_CRASHES") == "postgresql"
# Short: what is tried is the journal, and the video only has to be there.
GO_LIVE = (
    "run",
    "go-live.yaml",
    "--json",
    "--for",
    "0.2s",
    "--set",
    f"opening_message={OPENING}",
)
#: A run has a few writes more or less each time: the search goes on for so many after the first that was not reached.
BEYOND = 2
#: Which writes are tried: each, or only one of so many; an odd number, so that both sides are.
STEP = 1 if ALL or ON_SERVER else 7


class Try(Protocol):
    """Lets one runner die at a boundary, and goes on with the run until it has ended."""

    def __call__(self, home: Home, platform: RetakeTv, agent: str, die_at: str) -> bool:
        """Return whether the runner died."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RetakeTv]:
    """The platform of all points; a new agent is not verified."""
    agents = [{"name": f"again {n}", "token": f"rtk_matrix_{n:04}", "verified": True} for n in range(PREPARED)]
    options = {"agents": agents, "verified": False, "lag": 0, "viewers": []}
    with retake_tv(tmp_path_factory.mktemp("platform") / "retake", options) as started:
        yield started


@pytest.fixture(scope="module")
def server() -> Iterator[postgres_server.Server | None]:
    """Where the runs are kept; None for files."""
    programs = postgres_server.binaries() if ON_SERVER else None
    if programs is None:
        yield None
        return
    with postgres_server.a_server(programs) as made:
        yield made


def _again(home: Home, platform: RetakeTv, agent: str, die_at: str) -> bool:
    """An agent with credentials, that a person has vouched for."""
    write_credentials(_credentials(home), agent, platform.token(agent), platform.address)
    done = home.call(*GO_LIVE, RETAKE_FLOW_DIE_AT=die_at)
    return _to_its_end(home, platform, done)


def _first_time(home: Home, platform: RetakeTv, agent: str, die_at: str) -> bool:
    """An agent that is not registered; its runner dies before a person is asked, or while that is so."""
    return _to_its_end(home, platform, home.call(*GO_LIVE, *_form(agent), RETAKE_FLOW_DIE_AT=die_at))


def _answered(home: Home, platform: RetakeTv, agent: str, die_at: str) -> bool:
    """The same agent; the runner that goes on with a person's answer dies."""
    asked = home.call(*GO_LIVE, *_form(agent))
    assert asked.code == 4, str(asked)
    done = home.call("resume", "last", "--json", *_answer(platform, asked), RETAKE_FLOW_DIE_AT=die_at)
    return _to_its_end(home, platform, done)


def _to_its_end(home: Home, platform: RetakeTv, done: Done) -> bool:
    """When the first process died, go on with the run in new ones for as long as it has not ended."""
    if done.code != KILLED:
        assert done.code in (0, 4), str(done)  # whole without the kill, or waiting for a person, where it is left
        return False
    for _ in range(3):
        if done.code == KILLED:
            gone(str(home.row()["id"]), WITHIN)
            done = home.call("resume", "last", "--json")
        elif done.code == 4:
            done = home.call("resume", "last", "--json", *_answer(platform, done))
    assert done.code == 0, str(done)
    return True


_numbers = itertools.count(1)


def _answer(platform: RetakeTv, asked: Done) -> list[str]:
    """Post what is asked for; gives the words of an answer."""
    suspended = asked.records[-1]
    assert suspended["event"] == "run_suspended", str(asked)
    (gate,) = suspended["gates"]
    message = next(line.strip() for line in gate["message"].splitlines() if "Code: " in line)
    url = platform.tweet(next(_numbers), message)
    return ["--decision", "posted", "--answer", f"tweet_url={url}"]


def _form(agent: str) -> list[str]:
    fields = {
        "agent_name": agent,
        "agent_description": "dies and goes on",
        "image_url": "https://example.com/owl.png",
        "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
        "ticker": "OWL",
    }
    return [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]


def _credentials(home: Home) -> Path:
    return Path(home.environment["RETAKE_CREDENTIALS"])


def _check(home: Home, platform: RetakeTv, agent: str) -> None:
    """Check that a run ended well, however often its runner died."""
    row, journal = home.row(), home.journal()
    assert (row["outcome"], row["state"], row["holder_pid"]) == ("completed", "signed_off", None)
    assert journal[-1]["event"] == "run_ended"
    gone(str(row["id"]))
    seen = platform.agent(agent)
    assert seen["verified"]
    assert not seen["is_live"]
    assert seen["sessions"]
    assert [session for session in seen["sessions"] if session["ended"] is None] == []
    said = sum(comment["text"] == OPENING for comment in seen["chat"])
    assert said == 1 or (said == 0 and _died_opening(journal)), f"opened the chat {said} times"
    file = _credentials(home)
    assert json.loads(file.read_text())["access_token"] == platform.token(agent)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {each.name for each in file.parent.iterdir()} <= {file.name, f"{file.name}.lag"}


def _died_opening(journal: list[Record]) -> bool:
    """Whether a runner died while the opening message was under way: nobody knows of it, so it is not sent again."""
    state = "broadcast/pushing/open_chat"
    opened = [r["event"] for r in journal if r.get("state") == state and r["event"].startswith("action_")]
    return opened == ["action_started"]


def _died_in(journal: list[Record]) -> list[str]:
    """The states in which a runner died."""
    return [record["state"] for record in journal if record["event"] == "run_resumed" and record["died"]]


class Matrix:
    """Tries boundaries, several at once.

    Of every seventh write one side is tried, before and after it in turn; of all writes both with
    RETAKE_FLOW_CRASHES=all. Virtual time tries all always (`test_crash_points.py`). Where a state is named, only the
    boundaries before it: others try the rest.
    """

    def __init__(
        self,
        platform: RetakeTv,
        folder: Path,
        attempt: Try,
        names: str,
        agents: Iterator[int],
        before: str,
        server: postgres_server.Server | None,
    ) -> None:
        self.died: list[str] = []
        self.missed: list[str] = []
        self._failures: list[str] = []
        self._platform = platform
        self._folder = folder
        self._attempt = attempt
        self._names = names
        self._agents = agents
        self._before = before
        self._server = server
        self._over = False
        self._next = itertools.count(1, STEP)
        self._lock = threading.Lock()

    @property
    def writes(self) -> int:
        """How many writes were reached."""
        return len({point[:-1] for point in self.died})

    def play(self) -> None:
        """Try them all."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for each in [pool.submit(self._work) for _ in range(AT_ONCE)]:
                each.result()
        assert not self._failures, "\n\n".join(self._failures)

    def _work(self) -> None:
        while True:
            with self._lock:
                write = next(self._next)
                first_missed = min((int(point[:-1]) for point in self.missed), default=write)
                if write > first_missed + BEYOND or len(self._failures) > 5 or self._over:
                    return
            sides = "-+" if ALL else "+-"[write % 2]
            for side in sides:
                if not self._tried(f"{write}{side}"):
                    break

    def _tried(self, die_at: str) -> bool:
        with self._lock:
            agent = f"{self._names} {next(self._agents)}"
        died = True
        variables = {
            "RETAKE_API_URL": self._platform.address,
            "RETAKE_CREDENTIALS": str(self._folder / die_at / "retake" / "credentials.json"),
        }
        if self._server is not None:
            variables["RETAKE_FLOW_STORE"] = _schema(self._server, agent)
        with at_home(self._folder / die_at, **variables) as home:
            try:
                died = self._attempt(home, self._platform, agent, die_at)
                if died or home.row()["outcome"]:
                    _check(home, self._platform, agent)
                if self._before and any(self._before in state for state in _died_in(home.journal())):
                    self._over = True
            except Exception as error:
                with self._lock:
                    self._failures.append(f"{die_at}, {agent}: {error}\n{self._story(home)}")
        with self._lock:
            (self.died if died else self.missed).append(die_at)
        return died

    def _story(self, home: Home) -> str:
        return "\n".join(str({**record, "inputs": "", "schema": ""})[:200] for record in home.journal()[-40:])


def _schema(server: postgres_server.Server, agent: str) -> str:
    """The URL of new tables on a server."""
    import psycopg

    schema = agent.replace(" ", "_")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")  # type: ignore[arg-type]
    return f"{server.url}&options=-csearch_path%3D{schema}"


def _registrations(platform: RetakeTv) -> Counter[int | None]:
    """How often somebody asked to be registered, by the status of the answer."""
    timeline = platform.report()["timeline"]
    return Counter(call["status"] for call in timeline if call["path"].endswith("/agent/register"))


@pytest.mark.parametrize(
    ("attempt", "names", "before"),
    [(_again, "again", ""), (_first_time, "first", ""), (_answered, "answered", "broadcast/pushing")],
    ids=["agent with credentials", "first time until asked", "first time once answered"],
)
def test_a_runner_killed_at_any_boundary_ends_as_if_it_had_not_been(
    attempt: Try,
    names: str,
    before: str,
    platform: RetakeTv,
    server: postgres_server.Server | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, Any], None],
) -> None:
    """Same end; registered once, no key pushed twice, one opening message, credentials whole, no process left."""
    registered, began = _registrations(platform), time.monotonic()
    matrix = Matrix(platform, tmp_path, attempt, names, itertools.count(0), before, server)
    matrix.play()
    report = platform.report()
    runs = len(matrix.died) + len(matrix.missed)
    assert _registrations(platform) - registered == ({} if attempt is _again else {200: runs})
    assert (report["keys"]["reused"], report["keys"]["refused_pushes"]) == (0, 0)
    assert report["broken_rules"] == []
    assert len(matrix.died) >= (10 if ALL else 2)
    seconds, where = time.monotonic() - began, " on PostgreSQL" if server else ""
    record_property("points", len(matrix.died))
    record_property("seconds", round(seconds))
    with capsys.disabled():
        print(
            f"\n{names}{where}: killed and resumed at {len(matrix.died)} points of {matrix.writes} writes; "
            f"not reached any more: {', '.join(matrix.missed)}; {seconds:.0f} s"
        )
