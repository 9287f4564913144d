"""Time, as the engine asks for it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells and waits for times."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep_until(self, due: float) -> None:
        """Return when it is `due` (seconds since the epoch), at once when that is past."""
        ...
