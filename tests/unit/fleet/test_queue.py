"""Where the queue of a host is, and what it says when it cannot be used."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

import pytest

from retake_flow.errors import StoreAway, StoreError
from retake_flow.fleet import queue
from retake_flow.fleet.queue import Backlog, WorkQueue


@pytest.mark.parametrize(
    ("place", "file"),
    [
        ("sqlite:///~/state/runs.db", "~/state/runs.db-queue"),
        ("~/runs.db", "~/runs.db-queue"),
        ("sqlite:////var/runs.db", "/var/runs.db-queue"),
        ("/var/runs.db", "/var/runs.db-queue"),
    ],
)
def test_the_queue_of_a_file_is_beside_it(place: str, file: str) -> None:
    """The store expands the home folder too."""
    config = WorkQueue(place, "a", lambda run, epoch: None, 1)._database()
    assert config["system_database_url"] == f"sqlite:///{os.path.expanduser(file)}"
    config["system_database_engine"].dispose()


def test_connections_are_dropped_while_others_are_made() -> None:
    """The queue's own threads connect at any time, and a worker that failed in between would end."""
    work, over, made = WorkQueue("postgresql://db", "a", lambda run, epoch: None, 1), threading.Event(), []

    class Connection:
        def fileno(self) -> int:
            raise OSError

    def connect() -> None:
        while not over.is_set():
            made.append(Connection())
            work.note_connection(made[-1])
            del made[:-50]

    connecting, usual = threading.Thread(target=connect), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    connecting.start()
    try:
        for _ in range(1000):
            work.drop_connections()
    finally:
        sys.setswitchinterval(usual)
        over.set()
        connecting.join()


def test_an_error_without_a_message_is_told_by_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries raise such ones, and a worker has to say why it cannot begin."""

    def fails(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(queue.WorkQueue, "_launch", fails)
    with pytest.raises(StoreError, match="the queue cannot be used: TimeoutError"):
        WorkQueue("/nowhere/runs.db", "a", lambda run, epoch: None, 1).open()


def test_a_server_that_refuses_the_queue_is_told_at_once() -> None:
    """DBOS alone would wait for it without limit and without a word."""
    work = WorkQueue("postgresql://x@127.0.0.1:1/y", "a", lambda run, epoch: None, 1)
    with pytest.raises(StoreAway, match=r"the queue cannot be reached: .*refused"):
        work.open()


def test_a_queue_that_is_closed_while_it_opens_ends_what_it_has_started() -> None:
    """The threads of DBOS would keep a drained worker from ending."""
    work, calls = WorkQueue("/nowhere/runs.db", "a", lambda run, epoch: None, 1), list[str]()

    class Dbos:
        def __init__(self, config: object) -> None:
            config["system_database_engine"].dispose()  # type: ignore[index]

        @staticmethod
        def workflow(name: str) -> Callable[[object], object]:
            return lambda order: order

        @staticmethod
        def listen_queues(names: object) -> None: ...

        @staticmethod
        def launch() -> None:
            work.close()
            calls.append("launched")

        @staticmethod
        def destroy() -> None:
            calls.append("destroyed")

    work._launch(Dbos, create=False)
    assert calls == ["launched", "destroyed"]


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_AGAIN_AFTER", 0.0)


def _waited(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.usefixtures("_quickly")
def test_a_call_that_hangs_holds_up_nobody_and_shows() -> None:
    """The others wait behind it, each once, and are made when it returns."""
    box, hangs, made = Backlog(), threading.Event(), list[str]()
    box.put("first", hangs.wait)
    for _ in range(3):
        box.put("second", lambda: made.append("second"))
    _waited(lambda: box.stuck_for > 0.05)
    assert made == []
    hangs.set()
    _waited(lambda: made)
    _waited(lambda: box.stuck_for == 0)
    assert (made, box.trouble) == (["second"], "")


@pytest.mark.usefixtures("_quickly")
def test_a_call_that_fails_is_made_again_after_the_others() -> None:
    """One that always fails is given up, and keeps no other from being made."""
    box, tries, made, go_on = Backlog(), list[int](), list[str](), threading.Event()

    def refused() -> None:
        tries.append(1)
        if len(tries) == 2:
            go_on.wait()
        raise ConnectionError("too many clients\nand more")

    box.put("refused", refused)
    _waited(lambda: box.trouble == "too many clients")
    box.put("fine", lambda: made.append("fine"))
    go_on.set()
    _waited(lambda: made and not box._calls)
    assert (len(tries), box.trouble) == (10, "")


@pytest.mark.usefixtures("_quickly")
def test_it_does_not_grow_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that hangs for long gets the calls that fit; the fleet gives their runs back and away again."""
    monkeypatch.setattr(queue, "_MOST_CALLS", 3)
    box, hangs, made = Backlog(), threading.Event(), list[int]()
    box.put("first", hangs.wait)
    for number in range(10):
        box.put(str(number), lambda number=number: made.append(number))  # type: ignore[misc]
    hangs.set()
    _waited(lambda: made[1:] and not box._calls)
    assert made == [0, 1]
