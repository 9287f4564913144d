"""What may hang is called in a thread of its own, and again when it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from retake_flow.fleet import backlog
from retake_flow.fleet.backlog import Backlog


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_AGAIN_AFTER", 0.0)


def _waited(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


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


def test_it_does_not_grow_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that hangs for long gets the calls that fit; the fleet gives their runs back and away again."""
    monkeypatch.setattr(backlog, "MOST", 3)
    box, hangs, made = Backlog(), threading.Event(), list[int]()
    box.put("first", hangs.wait)
    for number in range(10):
        box.put(str(number), lambda number=number: made.append(number))  # type: ignore[misc]
    hangs.set()
    _waited(lambda: made[1:] and not box._calls)
    assert made == [0, 1]
