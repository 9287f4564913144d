"""The keeper of claims: whom it hears, and for whom it beats."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from retake_flow.store.lease import Lease
from retake_flow.store.sql.keeper import Held, Keeper


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    """One without a thread and without a server."""
    keeper = Keeper(None)  # type: ignore[arg-type]
    yield keeper
    keeper.close()


@pytest.fixture
def held(keeper: Keeper) -> Held:
    """A claim that it looks after."""
    held = Held("r", 1, Lease(35.0))
    keeper._held["r"] = held
    return held


def test_news_that_came_with_the_answer_to_a_beat_is_heard_at_once(keeper: Keeper, held: Held) -> None:
    """The driver has read it, so nothing more becomes ready on its connection."""
    heard = [SimpleNamespace(extra=b"r")]
    keeper._tried, held.wake = Lease.clock(), keeper.wake  # news ends the wait
    quiet, other = socket.socketpair()
    with quiet, other:
        pgconn = SimpleNamespace(notifies=lambda: heard.pop() if heard else None)
        driver = SimpleNamespace(fileno=quiet.fileno, pgconn=pgconn)
        connection: Any = SimpleNamespace(connection=SimpleNamespace(driver_connection=driver))
        keeper._listen(connection)
    assert held.changes == 1


def test_a_claim_that_another_one_of_the_same_process_replaces_knows_it(keeper: Keeper, held: Held) -> None:
    """Notifications and beats are for the newer one alone, so the earlier one would learn it only as its lease ends."""
    keeper._thread = threading.current_thread()  # no thread is needed
    woken: list[int | None] = []
    held.wake = lambda: woken.append(held.changes)
    later = Held("r", 2, Lease(35.0))
    keeper.add(later)
    assert (held.fenced, woken, later.fenced) == (True, [1], False)
    keeper.remove(held)
    late = Held("r", 1, Lease(35.0))
    keeper.add(late)
    assert (late.fenced, later.fenced, keeper._all()) == (True, False, [later])
    keeper._thread = None


class _Loop:
    """An event loop that turns when a test says so."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.closed = False

    def call_soon_threadsafe(self, call: Callable[[], None]) -> None:
        if self.closed:
            raise RuntimeError("closed")
        self.soon.append(call)

    def turn(self) -> None:
        while self.soon:
            self.soon.pop()()


@pytest.fixture
def beats(keeper: Keeper, held: Held, monkeypatch: pytest.MonkeyPatch) -> tuple[_Loop, Callable[..., bool]]:
    """An event loop, and a beat some seconds after the last one: whether the loop counts as turning."""
    now, loop = [100.0], _Loop()
    monkeypatch.setattr(Lease, "clock", staticmethod(lambda: now[0]))
    keeper._loop = loop  # type: ignore[assignment]

    def beat(after: float = 3.0) -> bool:
        now[0] += after
        return keeper._loop_turns()

    return loop, beat


def test_a_loop_that_hangs_after_it_used_a_claim_keeps_it_for_no_further_beat(
    held: Held, beats: tuple[_Loop, Callable[..., bool]]
) -> None:
    """That it used the claim shows that it has turned, not that it still does."""
    loop, beat = beats
    assert beat()
    loop.turn()
    held.calls += 1
    assert [beat(), beat(), beat()] == [True, False, False]
    loop.turn()
    assert beat()


def test_a_loop_that_turns_or_uses_its_claims_never_counts_as_hanging(
    held: Held, beats: tuple[_Loop, Callable[..., bool]]
) -> None:
    """Nor when one beat comes right after another, as when a claim is added; nor once it was closed."""
    loop, beat = beats
    for number in range(9):
        held.calls += number % 3 == 0
        assert beat()
        assert beat(0.01)
        loop.turn()
    for _ in range(3):
        held.calls += 1
        assert beat()
    loop.closed = True
    assert [beat(), beat()] == [True, True]
