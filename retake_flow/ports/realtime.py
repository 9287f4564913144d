"""Port for the platform's real-time events, used by `chat.respond`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Hearer(Protocol):
    """Hears what comes over one real-time connection, which may break and come back."""

    def connected(self) -> None:
        """All rooms are joined: whatever happens from now on is told."""
        ...

    def lost(self, reason: str) -> None:
        """The connection is gone, or did not come about; it is tried again."""
        ...

    def happened(self, event: str, payload: Sequence[object]) -> None:
        """The platform tells of something; must not fail."""
        ...


#: Listens in rooms (asked for at each connection, since more may be known by then) for as long as it is open.
OpenRealtime = Callable[[Callable[[], Sequence[str]], Hearer], AbstractAsyncContextManager[None]]
