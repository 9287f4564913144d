"""Backlog: calls a service that may hang, one call after the other, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from retake_flow.sanitize import first_line

#: Calls that wait at most; further ones are left out.
MOST: Final = 10_000
_TRIES: Final = 10
_AGAIN_AFTER: Final = 1.0  # seconds


class Backlog:
    """Calls that wait for a service. Each is tried until it succeeds, but only a few times."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Callable[[], object], int]] = {}
        self._changed = threading.Condition()
        self._calling_since: float | None = None
        self._thread: threading.Thread | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the last call failed; "" when it succeeded, or nothing is left to be called."""
        return self._trouble if self._calls else ""

    @property
    def stuck_for(self) -> float:
        """Seconds since the present call began; 0 without one."""
        since = self._calling_since
        return 0.0 if since is None else time.monotonic() - since

    def put(self, name: str, call: Callable[[], object]) -> None:
        """Have a call made, unless one of the same name still waits."""
        with self._changed:
            if len(self._calls) < MOST:
                self._calls.setdefault(name, (call, _TRIES))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="backlog", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls)
                name, (call, tries) = next(iter(self._calls.items()))
                self._calling_since = time.monotonic()
            try:
                call()
            except Exception as error:  # of any kind: it may succeed later
                self._trouble = first_line(error)
            else:
                self._trouble, tries = "", 1
            with self._changed:
                self._calling_since = None
                del self._calls[name]
                if tries > 1:
                    self._calls[name] = call, tries - 1
            if self._trouble:
                time.sleep(_AGAIN_AFTER)
