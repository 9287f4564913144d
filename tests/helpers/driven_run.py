"""A run that another process drives, as commands see it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from retake_flow.ports.runs import Claim, Request
from retake_flow.run.records import record
from retake_flow.run.run import Phase, Run

RUN = Run("owl-1", "go-live", "d" * 64, {}, phase=Phase.RUNNING, state="on/air")


Answer = Callable[[Request], Sequence[dict[str, Any]]]


@contextmanager
def driving(claim: Claim, answer: Answer, heard: list[Request], then: Run = RUN) -> Iterator[None]:
    """A driver that writes what it answers to each request."""
    over = threading.Event()

    def drive() -> None:
        while not over.wait(0.02):
            for request in claim.requests():
                heard.append(request)
                claim.write(then, [record(one.pop("event"), 1.0, **one) for one in answer(request)])

    thread = threading.Thread(target=drive)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
