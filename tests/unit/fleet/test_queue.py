"""Where the queue of a host is, and what it says when it cannot be used."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import pytest

from retake_flow.errors import StoreAway, StoreError
from retake_flow.fleet import queue
from retake_flow.fleet.queue import WorkQueue


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
