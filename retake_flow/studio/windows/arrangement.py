"""Arrangement: places the windows of programs, and keeps them one above the other as the flow names them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from retake_flow.errors import NotReady
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.display import Display
from retake_flow.studio.layout import Area
from retake_flow.studio.processes.launcher import Probe
from retake_flow.studio.processes.process import Process
from retake_flow.studio.windows.x_client import XClient, connect

WITHIN: Final = 20.0  # seconds until a program has a window
_MANAGER: Final = "windows need studio.window_manager, and this one `needs: window_manager`"
_SOON: Final = 0.05  # seconds between two looks for a window


@dataclass(frozen=True, slots=True)
class _Shown:
    """A program with a window.

    Attributes:
        order: Its place in the stack, from below.
        session: The session of its processes.
        on_top: Whether it is above all that are not.
    """

    order: int
    session: int
    on_top: bool


class Arrangement:
    """The windows of one run.

    Args:
        display: Returns the open display, or raises NoDisplay.
    """

    def __init__(self, display: Callable[[], Display]) -> None:
        self._display = display
        self._orders: dict[str, int] = {}
        self._shown: list[_Shown] = []

    def reserve(self, key: str) -> int:
        """The place in the stack of what `key` names: above all that were named before, and the same each time."""
        return self._orders.setdefault(key, len(self._orders))

    @contextmanager
    def showing(self, order: int, area: Area | None = None, *, on_top: bool = False) -> Iterator[Probe]:
        """While this lasts, the windows of a program keep their place.

        Args:
            order: Its place in the stack, from `reserve`.
            area: Its place on the display; None for one that has taken its place already.
            on_top: Whether it is above all that are not.

        Returns:
            A function that waits for a window of a program, and puts it in its place.
        """
        placed: list[_Shown] = []

        async def arrange(process: Process) -> None:
            placed.append(_Shown(order, process.pid, on_top))
            self._shown.append(placed[-1])
            try:
                async with asyncio.timeout(WITHIN):
                    await self._arrange(placed[-1], area)
            except TimeoutError:
                raise NotReady(f"{process.name} has no window within {WITHIN:g} s", hint=_MANAGER) from None

        try:
            yield arrange
        finally:
            for shown in placed:
                self._shown.remove(shown)

    async def _arrange(self, shown: _Shown, area: Area | None) -> None:
        while True:
            async with connect(self._display()) as client:
                sessions = {window: _session(pid) for window, pid in (await client.windows()).items()}
                mine = [window for window, session in sessions.items() if session == shown.session]
                for window in mine:
                    if area is not None:
                        await client.place(window, area)
                    if shown.on_top:
                        await client.keep_above(window)
                if mine:
                    # It is above all others now, being the newest.
                    await self._lift_later(client, sessions, shown.order)
                    return
            await asyncio.sleep(_SOON)

    async def _lift_later(self, client: XClient, sessions: dict[int, int], order: int) -> None:
        for each in sorted(self._shown, key=lambda shown: shown.order):
            if each.order > order:
                for window, session in sessions.items():
                    if session == each.session:
                        await client.lift(window)


def _session(pid: int) -> int:
    """The session of a process; 0 for one that is gone."""
    if pid > 0:
        with suppress(OSError):
            return os.getsid(pid)
    return 0
