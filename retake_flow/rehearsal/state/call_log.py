"""The log of the calls that the rehearsed platform got."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# A rehearsal of many hours polls all the time; what is oldest goes first.
_KEPT = 20_000


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        at: When it came in, in epoch seconds.
        method: The HTTP method.
        path: The path, without query and secrets.
        agent: The name of the agent whose token came with it; empty without a good one.
        status: The status of the answer; None while there is none, and for ever when it got none.
        fault: Whether a fault was made on it.
    """

    at: float
    method: str
    path: str
    agent: str
    status: int | None = None
    fault: bool = False


class CallLog:
    """The newest calls, and how many there were in all."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self.count = 0

    def add(self, call: Call) -> None:
        """Write down a call that came in."""
        self.calls.append(call)
        self.count += 1
