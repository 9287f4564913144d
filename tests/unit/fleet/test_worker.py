"""A worker has runs driven, gives back what fails, and begins again when its queue is silent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from retake_flow.backoff import Backoff
from retake_flow.errors import MissingProgram, StoreAway
from retake_flow.fleet import queue, worker
from retake_flow.fleet.drivers import AGAIN_AFTER, Hooks
from retake_flow.fleet.forkserver import Ended, Started
from retake_flow.fleet.worker import EVERY, QUIET, SILENT, STEADY, Restart, Worker
from retake_flow.ports.fleet import Demand, Drain, Host, Job, Placed, Sweep

HOST = Host("a", "", os.getpid(), 0.0, "1", 2.0)
ONE = Placed("r", 1, "a", "owl", since=5.0)


@dataclass
class _World:
    """The fleet, the fork server and the queue of a worker, as a test wants them."""

    turns: Callable[[_World, int], None]
    given: list[Placed] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)
    news_now: list[Started | Ended] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)
    back: list[tuple[Placed, str, float]] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    asks: Drain = ""
    silent_for: float = 0.0
    queue_trouble: str = ""
    away: bool = False
    said: tuple[str, str] = ("", "")
    beats: list[bool] = field(default_factory=list)
    described: int = 0
    fails: int = 0  # how often nothing can be given back
    sweep: Sweep = field(default_factory=Sweep)
    add_fails: bool = False
    refusals: int = 0  # how often the queue cannot be opened
    opens: threading.Event | None = None  # what opening the queue waits for
    beats_while_away: int = 0
    restarts: int = 0
    server_dies: bool = False
    requested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runs = self
        self._pipe = os.pipe()
        os.write(self._pipe[1], b"x")  # always ready, so that no turn waits
        hooks = Hooks(
            self.describe,
            lambda placed: {"run": placed.run},
            lambda run: self.said,
            lambda job: None,
            self.tell,
        )
        self.worker = Worker(self, self, hooks, self.restarts)  # type: ignore[arg-type]

    def describe(self) -> Host:
        self.described += 1
        return HOST

    def tell(self, event: str, **fields: Any) -> None:
        self.told.append(event)
        self.fields[event] = fields

    # the store

    def beat(self, host: Host) -> Drain:
        self.turns(self, len(self.beats))
        self.beats.append(host.accepts)
        if self.away:
            raise StoreAway("gone")
        return self.asks

    def place(self, choose: object) -> Sweep:
        sweep, self.sweep = self.sweep, Sweep()
        return sweep

    def placed_runs(self, host: str) -> list[Placed]:
        return list(self.given)

    def driven_runs(self, host: str) -> dict[str, int]:
        return dict(self.running)

    def give_back(self, placed: Placed, failure: str = "", *, after: float = 0.0) -> Job | None:
        if self.fails:
            self.fails -= 1
            raise StoreAway("gone")
        self.back.append((placed, failure, after))
        self.given = [each for each in self.given if each != placed]
        return None

    def request(self, run: str, what: str) -> None:
        self.requested.append(run)

    def load(self, run: str) -> SimpleNamespace:
        self.requested.append(run)
        return SimpleNamespace(holder=None)

    def leave(self, host: str) -> None:
        self.told.append("left")

    # the fork server

    def fileno(self) -> int:
        return self._pipe[0]

    def start(self, job: str, order: dict[str, Any]) -> None:
        self.started.append(order)

    def news(self) -> list[Started | Ended]:
        if self.server_dies:
            raise EOFError
        found, self.news_now = self.news_now, []
        return found

    # the queue

    def open(self) -> None:
        assert self.opens is None or self.opens.wait(60)
        if self.refusals:
            self.refusals -= 1
            raise StoreAway("too many clients")

    def drop_connections(self) -> None:
        self.told.append("dropped")

    @property
    def trouble(self) -> str:
        return self.queue_trouble

    def add(self, given: Iterable[Placed]) -> None:
        if self.add_fails:
            raise StoreAway("gone")
        self.orders += [placed.job for placed in given]


@pytest.fixture
def work() -> Callable[..., _World]:
    """Has a worker work while a test changes the world before each beat."""

    def working(turns: Callable[[_World, int], None], **about: Any) -> _World:
        world = _World(turns, **about)
        world.worker.work(world)  # type: ignore[arg-type]
        return world

    return working


@pytest.mark.parametrize(
    ("code", "trouble", "failure", "after"),
    [
        (0, ("", ""), "", 0.0),
        (4, ("", ""), "", 0.0),
        (5, ("held", "another process drives it"), "", 0.0),
        (5, ("account_in_use", "owl is in use"), "owl is in use", AGAIN_AFTER["account_in_use"]),
        (6, ("missing_program", "no ffmpeg"), "no ffmpeg", 0.0),
        (6, ("store_away", "too many clients"), "too many clients", AGAIN_AFTER["store_away"]),
        (-9, ("", ""), "its driver was killed by SIGKILL", 0.0),
        (1, ("", ""), "its driver ended with exit code 1", 0.0),
        (-200, ("", ""), "its driver was killed by signal 200", 0.0),
    ],
)
def test_the_end_of_a_driver_is_a_failure_or_not(
    work: Callable[..., _World], code: int, trouble: tuple[str, str], failure: str, after: float
) -> None:
    """A run that ended, waits for a person or is another's has not failed."""
    orders: list[threading.Thread] = []

    def turns(world: _World, number: int) -> None:
        if number == 1:
            orders.append(threading.Thread(target=world.worker.begin, args=("r", 1)))
            orders[0].start()
        if world.started and not world.back:
            world.news_now = [Started("r/1", 77), Ended("r/1", code)]
        if world.back:
            world.asks = "hand-over"

    world = work(turns, given=[ONE], said=trouble)
    orders[0].join(120)
    assert not orders[0].is_alive(), "the order is carried out"
    assert world.started == [{"run": "r"}]
    assert world.back == [(ONE, failure, after)]
    assert world.told[-2:] == ["left", "worker_ended"]
    assert (world.fields["driver_ended"]["kind"], world.fields["driver_started"]["waited"] > 5) == (trouble[0], True)
    assert set(world.orders) == {"r/1"}


def test_a_stale_order_starts_nothing(work: Callable[..., _World]) -> None:
    """The host was given the run in another epoch, or not at all."""
    orders: list[threading.Thread] = []

    def turns(world: _World, number: int) -> None:
        if number == 1:
            orders.append(threading.Thread(target=world.worker.begin, args=("r", 3), daemon=True))
            orders[0].start()
        if world.started or (orders and not orders[0].is_alive()):
            world.asks = "hand-over"

    assert work(turns, given=[]).started == []


def test_drivers_that_a_drain_ends_as_they_start_have_not_failed(work: Callable[..., _World]) -> None:
    """SIGTERM kills a driver that is not ready to heed it; a driver that something else kills has failed."""
    orders: list[threading.Thread] = []
    ends = {"r/1": -signal.SIGTERM, "s/1": -signal.SIGKILL}

    def turns(world: _World, number: int) -> None:
        if number == 1:
            orders.extend(threading.Thread(target=world.worker.begin, args=(run, 1), daemon=True) for run in "rs")
            for order in orders:
                order.start()
        if len(world.started) == 2:
            world.asks = "hand-over"
        if world.worker._drain and not world.back:
            world.news_now = [Ended(job, code) for job, code in ends.items()]

    world = work(turns, given=[ONE, Placed("s", 1, "a")])
    assert [(placed.run, failure) for placed, failure, _ in world.back] == [
        ("r", ""),
        ("s", "its driver was killed by SIGKILL"),
    ]


def test_a_worker_is_well_while_the_store_is_away(work: Callable[..., _World]) -> None:
    """It describes itself at each look, which notes its beat for `/healthz`, whatever of the store fails first."""

    def turns(world: _World, number: int) -> None:
        if number == 1:
            world.fails, world.described = 3, 0
            world.worker._drivers._ended.append((ONE, "", 0.0))
        if number > 1:
            world.asks = "hand-over"

    assert work(turns).described >= 4


def test_a_worker_opens_its_queue_as_soon_as_the_server_permits(work: Callable[..., _World]) -> None:
    """Meanwhile it says why it takes nothing, and beats, so that the host counts as alive."""

    def turn(world: _World, beats: int) -> None:
        world.beats_while_away += "worker_started" not in world.told
        world.asks = "hand-over" if "worker_started" in world.told else ""

    world = work(turn, refusals=1)
    assert world.told == ["queue_away", "queue_back", "worker_started", "draining", "left", "worker_ended"]
    assert world.fields["queue_away"]["message"] == "too many clients"
    assert world.beats_while_away >= 2
    assert not any(world.beats[: world.beats_while_away])


def test_a_worker_whose_queue_is_away_begins_again_when_asked_to(work: Callable[..., _World]) -> None:
    """SIGHUP is heeded at once; it does not have the worker open the queue over and over."""
    seen: list[_World] = []

    def turn(world: _World, beats: int) -> None:
        seen.append(world)
        if world.refusals == 8:
            world.worker.on_signal(signal.SIGHUP)

    with pytest.raises(Restart, match="SIGHUP"):
        work(turn, refusals=9)
    assert seen[-1].refusals == 8


@pytest.mark.parametrize("asked", ["by a signal", "by a person"])
@pytest.mark.parametrize("drives", [False, True])
def test_a_worker_whose_queue_is_away_is_drained(work: Callable[..., _World], asked: str, drives: bool) -> None:
    """It hands over the runs of an earlier worker, as soon as the store can be read."""

    def turn(world: _World, beats: int) -> None:
        world.away = beats in (1, 3, 4)
        if beats == 2 and asked == "by a signal":
            world.worker.on_signal(signal.SIGTERM)
        world.asks = "end" if beats == 2 and asked == "by a person" else ""
        world.running = {} if world.requested else world.running

    world = work(turn, refusals=99, running={"r": 77} if drives else {})
    assert world.requested == (["r"] if drives else [])
    assert world.told[-2:] == ["left", "worker_ended"]
    assert "draining" in world.told


def test_a_host_is_alive_while_its_queue_hangs_as_it_opens(
    work: Callable[..., _World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It beats, takes nothing, and says why; a signal drains it, and does not wait for the queue."""
    monkeypatch.setattr(worker, "EVERY", 0.01)
    monkeypatch.setattr(worker, "SILENT", 0.0)
    opens = threading.Event()

    def turn(world: _World, beats: int) -> None:
        if beats == 5:
            world.worker.on_signal(signal.SIGTERM)

    world = work(turn, opens=opens)
    opens.set()
    assert (len(world.beats), any(world.beats)) == (6, False)
    assert world.told == ["queue_away", "draining", "left", "worker_ended"]


def test_a_worker_restarts_while_its_queue_hangs_as_it_opens_later_each_time(
    work: Callable[..., _World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that hangs may do so for ever; one that takes long is waited for."""
    monkeypatch.setattr(worker, "EVERY", 0.01)
    monkeypatch.setattr(worker, "SILENT", 0.0)
    opens = threading.Event()
    waited: list[int] = []

    class Never:
        def wait(self, failures: int) -> float:
            waited.append(failures)
            return 0.0

    monkeypatch.setattr(worker, "HANGS", Never())
    with pytest.raises(Restart, match="the queue does not open") as restart:
        work(lambda world, beats: None, opens=opens, restarts=3)
    opens.set()
    assert (restart.value.restarts, waited) == (4, [4])

    def turn(world: _World, beats: int) -> None:
        if "queue_away" in world.told:
            opens.set()
        world.asks = "hand-over" if "worker_started" in world.told else ""

    opens.clear()
    monkeypatch.setattr(worker, "HANGS", Backoff(first=60.0))
    assert work(turn, opens=opens).told[:3] == ["queue_away", "queue_back", "worker_started"]


def test_a_held_run_is_told_although_nothing_can_be_enqueued(work: Callable[..., _World]) -> None:
    """No later sweep finds it held for the first time."""
    job = Job("r", Demand(), trouble="no ffmpeg", held=2.0)

    def turns(world: _World, number: int) -> None:
        if number == 1:
            world.sweep, world.add_fails = Sweep([ONE], [job]), True
        world.asks = "hand-over" if number > 1 else ""

    assert "run_held" in work(turns).told


def test_a_worker_looks_as_soon_as_a_lease_ends(work: Callable[..., _World], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is free then; not in a hurry when the end is further away, has passed, or the store is away."""
    waits: list[float] = []

    def chosen(watched: list[int], _: object, __: object, wait: float) -> tuple[list[int], list[int], list[int]]:
        waits.append(round(wait, 1))
        return watched[:1], [], []

    monkeypatch.setattr(worker.select, "select", chosen)

    def turns(world: _World, number: int) -> None:
        ends = dict(enumerate([0.3, 9.0, None, 0.3, -1.0], start=1))
        world.sweep, world.away = Sweep(lease_ends=ends.get(number)), number == 4
        world.asks = "hand-over" if number > 5 else ""

    work(turns)
    assert waits[:5] == [0.3, EVERY, EVERY, EVERY, 0.0]


def test_a_silent_queue_has_the_worker_begin_again(work: Callable[..., _World]) -> None:
    """Not while the store is away too, since then all is silent; meanwhile the host takes nothing."""

    def turns(world: _World, number: int) -> None:
        world.silent_for = SILENT + 1
        world.away = 1 <= number < 5
        if number:
            seen.append(world)

    seen: list[_World] = []
    with pytest.raises(Restart, match="the queue has not looked for 11 s"):
        work(turns)
    world = seen[-1]
    assert len(world.beats) >= 5
    assert not any(world.beats)
    assert world.told.count("store_away") == 1


def test_a_worker_whose_fork_server_dies_begins_again_ever_later(
    work: Callable[..., _World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it starts and takes nothing, and beats; after it has worked for long, it begins again at once."""
    clock = [1000.0]
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(worker, "EVERY", 0.0)

    def begins_again(restarts: int, works: float) -> tuple[int, int]:
        seen: list[_World] = []

        def turns(world: _World, number: int) -> None:
            clock[0] += works if number == 1 else 1.0 if number else 0.0
            world.server_dies = number >= 1
            seen.append(world)

        with pytest.raises(Restart, match="the fork server has died") as raised:
            work(turns, restarts=restarts)
        assert not any(seen[-1].beats[2:])
        return raised.value.restarts, len(seen[-1].beats) - 1

    assert [begins_again(0, 1.0), begins_again(3, 1.0), begins_again(99, 1.0)] == [(1, 1), (4, 8), (100, 60)]
    assert begins_again(99, STEADY) == (1, 1)


def test_a_host_whose_fork_server_is_gone_is_drained_all_the_same(work: Callable[..., _World]) -> None:
    """Its drivers go on; it does not begin again, and so keeps in mind that it is drained."""

    def turns(world: _World, number: int) -> None:
        world.running = {} if number > 3 else {"r": 77}
        world.server_dies = number >= 1
        world.asks = "end" if number else ""

    world = work(turns, restarts=9)
    assert world.told[-2:] == ["left", "worker_ended"]
    assert world.requested == ["r"]


def test_a_quiet_queue_gets_new_connections_first(work: Callable[..., _World]) -> None:
    """A firewall may have forgotten them; it is not done again and again."""

    def turns(world: _World, number: int) -> None:
        world.silent_for = QUIET + 1
        world.asks = "hand-over" if number > 5 else ""

    assert work(turns).told.count("dropped") == 1


def test_a_host_that_cannot_enqueue_takes_nothing_and_goes_on(work: Callable[..., _World]) -> None:
    """Its server may refuse further connections for hours; that is told once, and is no reason to begin again."""

    def turns(world: _World, number: int) -> None:
        world.queue_trouble = "too many clients" if 1 <= number < 4 else ""
        world.asks = "hand-over" if number > 5 else ""

    world = work(turns)
    assert world.beats[1:7] == [True, False, False, False, True, True]
    assert [event for event in world.told if event.startswith("queue")] == ["queue_away", "queue_back"]


@pytest.mark.parametrize("turn", [0, 2])
def test_a_signal_is_logged_as_draining(work: Callable[..., _World], turn: int) -> None:
    """Once, also when the host has no runs and its worker ends at once."""

    def turns(world: _World, number: int) -> None:
        if number == turn:
            world.worker.on_signal(signal.SIGTERM)

    assert work(turns).told[-3:] == ["draining", "left", "worker_ended"]


def test_a_worker_needs_dbos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, it says what to install."""
    monkeypatch.setattr(queue, "find_spec", lambda name: None)
    with pytest.raises(MissingProgram) as raised:
        queue.require()
    assert raised.value.hint == "pip install 'retake-flow[fleet]'"
