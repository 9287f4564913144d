"""The log of calls to the rehearsed platform."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# A rehearsal of many hours polls all the time; the oldest calls are dropped.
_KEPT = 20_000


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        at: When it came in, in epoch seconds.
        method: The HTTP method.
        path: The path, without query and secrets.
        agent: The name of the agent whose token came with it; empty without a valid token.
        status: The status of the answer; None as long as there is no answer.
        fault: Whether a fault affected it.
    """

    at: float
    method: str
    path: str
    agent: str
    status: int | None = None
    fault: bool = False


class CallLog:
    """The newest calls, and the number of all calls."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self.count = 0

    def add(self, call: Call) -> None:
        """Log an incoming call."""
        self.calls.append(call)
        self.count += 1
