"""Desk: accesses the store in a thread of its own, one task after the other."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from retake_flow.errors import RetakeFlowError, StoreAway
from retake_flow.ports.runs import Runs
from retake_flow.settings import Settings
from retake_flow.web.live_run import LiveRun
from retake_flow.wiring.storing import open_store

T = TypeVar("T")

#: Seconds between two readings of a run that somebody watches.
_EVERY: Final = 0.4
_MOST_RUNS: Final = 64
#: Seconds for which a store that could not be reached counts as away.
_AWAY: Final = 1.0


class Desk:
    """The only place that reads and writes the store."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "store")
        self._store: Runs | None = None
        self._runs: OrderedDict[str, LiveRun] = OrderedDict()
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._away: StoreAway | None = None
        self._again_at = 0.0

    async def do(self, work: Callable[[Desk], T]) -> T:
        """Perform a task with the store and the runs, in the thread.

        Raises:
            StoreAway: The store is away, or was a moment ago: of all who wait for the thread, only the first tries it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._try, work)

    async def close(self) -> None:
        """Close the store."""
        for task in self._looking.values():
            task.cancel()
        if self._store is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._store.close)
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
        """Read a run at once, after a change to it."""
        await self.do(lambda desk: desk.run(run).look(now=True))
        self._tell(run)

    # --- in the thread --------------------------------------------------------------------------------------

    def _try(self, work: Callable[[Desk], T]) -> T:
        if self._away is not None and time.monotonic() < self._again_at:
            raise StoreAway(self._away.message, hint=self._away.hint)
        try:
            done = work(self)
        except StoreAway as error:
            self._away, self._again_at = error, time.monotonic() + _AWAY
            raise
        self._away = None
        return done

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
        def look(desk: Desk) -> tuple[object, bool]:
            live = desk.run(run)
            live.look()
            live.look_back()
            return live.version, live.is_whole

        known: object = None
        while True:
            pause = _EVERY
            try:
                version, whole = await self.do(look)
                if known != version:  # others may have read it in between
                    self._tell(run)
                known, pause = version, _EVERY if whole else 0.0
            except RetakeFlowError:  # the store may be back soon; until then the page stays as it is
                pause = 2.0
            await asyncio.sleep(pause)

    def _tell(self, run: str) -> None:
        for changed in self._watchers.get(run, ()):
            changed.set()
