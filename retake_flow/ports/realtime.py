"""Port for the platform's real-time events, used by `chat.respond`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class EventListener(Protocol):
    """Receives events from one real-time connection, which may break and come back."""

    def on_connected(self) -> None:
        """All rooms are joined; every event from now on is delivered."""
        ...

    def on_lost(self, reason: str) -> None:
        """The connection is lost, or could not be made; it will be retried."""
        ...

    def on_event(self, event: str, payload: Sequence[object]) -> None:
        """An event from the platform; must not fail."""
        ...


#: Listens in rooms for as long as it is open. The rooms are asked for at each connection, since more may be known.
OpenRealtime = Callable[[Callable[[], Sequence[str]], EventListener], AbstractAsyncContextManager[None]]
