"""Desk: the store and the runs read from it, in a thread of its own, one task after the other."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from retake_flow.ports.runs import Runs
from retake_flow.settings import Settings
from retake_flow.web.live_run import LiveRun
from retake_flow.wiring.storing import open_store

T = TypeVar("T")

#: Seconds between two looks at a run that somebody watches.
_EVERY: Final = 0.4
_MOST_RUNS: Final = 64


class Desk:
    """The only place that reads and writes the store.

    Args:
        settings: Say where the store is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "store")
        self._store: Runs | None = None
        self._runs: OrderedDict[str, LiveRun] = OrderedDict()
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def do(self, work: Callable[[Desk], T]) -> T:
        """Do something with the store and the runs, in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self)

    async def close(self) -> None:
        """Close the store."""
        for task in self._looking.values():
            task.cancel()
        if self._store is not None:
            await self.do(lambda desk: desk.store.close())
        self._thread.shutdown()

    async def watch(self, run: str, changed: asyncio.Event) -> None:
        """Set `changed` whenever something about a run has changed, until `unwatch`."""
        self._watchers.setdefault(run, set()).add(changed)
        if run not in self._looking:
            self._looking[run] = asyncio.create_task(self._look(run))

    def unwatch(self, run: str, changed: asyncio.Event) -> None:
        """Stop watching."""
        watchers = self._watchers.get(run, set())
        watchers.discard(changed)
        if not watchers:
            self._watchers.pop(run, None)
            if task := self._looking.pop(run, None):
                task.cancel()

    async def look_now(self, run: str) -> None:
        """Read a run at once, since something was done to it."""
        await self.do(lambda desk: desk.run(run).look(now=True))
        self._tell(run)

    # --- in the thread --------------------------------------------------------------------------------------

    @property
    def store(self) -> Runs:
        """The store."""
        if self._store is None:
            self._store = open_store(self._settings)
        return self._store

    def run(self, run: str) -> LiveRun:
        """A run, as last read."""
        if run not in self._runs:
            self._runs[run] = LiveRun(self.store, run)
            if len(self._runs) > _MOST_RUNS:
                self._runs.popitem(last=False)
        self._runs.move_to_end(run)
        return self._runs[run]

    # --------------------------------------------------------------------------------------------------------

    async def _look(self, run: str) -> None:
        from retake_flow.errors import RetakeFlowError

        def look(desk: Desk) -> object:
            live = desk.run(run)
            live.look()
            return live.version

        known: object = None
        while True:
            try:
                if known != (known := await self.do(look)):  # others may have read it in between
                    self._tell(run)
            except RetakeFlowError:  # the store may be back soon; until then the page stays as it is
                await asyncio.sleep(2)
            await asyncio.sleep(_EVERY)

    def _tell(self, run: str) -> None:
        for changed in self._watchers.get(run, ()):
            changed.set()
