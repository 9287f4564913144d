"""Arrangement: the window manager, openbox, and the windows of programs: their places, and the order of the flow."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from retake_flow.errors import NotReady
from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.display import Display
from retake_flow.studio.layout import Area
from retake_flow.studio.processes.launcher import Launcher, Probe
from retake_flow.studio.processes.process import Process, ProcessService, ProcessSpec
from retake_flow.studio.windows.x_client import XClient, connect
from retake_flow.tasks import time_limit

WITHIN: Final = 20.0  # seconds until a program has a window
#: Windows of this X class lie below all others until `reveal`.
CONCEALED: Final = "retake-flow-page"
_MANAGER: Final = "windows need studio.window_manager, and this one `needs: window_manager`"
_SOON: Final = 0.05  # seconds between two looks for a window
_FOCUS_LOOKS: Final = 80
_READY: Final = "managing"

#: Openbox without keys, mouse and menus: windows cannot be moved, and no program can be started from the desktop.
#: Windows have neither borders nor titles, and pages begin below all other windows.
_OPENBOX: Final = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <theme><name>Clearlooks</name><keepBorder>no</keepBorder></theme>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <keyboard/>
  <mouse/>
  <menu/>
  <applications>
    <application class="*"><decor>no</decor></application>
    <application class="{CONCEALED}"><layer>below</layer><focus>no</focus></application>
  </applications>
</openbox_config>
"""


@dataclass(frozen=True, slots=True)
class _ProgramWindow:
    """A program with a window."""

    name: str
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
        self._shown: list[_ProgramWindow] = []
        self._scenes: Mapping[str, Sequence[str]] = {}
        self._scene = ""
        self._switching = asyncio.Lock()
        self._concealed: set[int] = set()  # the sessions of pages that are not painted yet

    def reserve(self, key: str) -> int:
        """The place of a key in the stack: above all earlier keys, and the same each time."""
        return self._orders.setdefault(key, len(self._orders))

    def divide(self, scenes: Mapping[str, Sequence[str]], first: str) -> None:
        """Set which windows are visible in which scenes; windows in no scene are always visible."""
        self._scenes, self._scene = scenes, first

    async def switch(self, scene: str) -> None:
        """Show the windows of a scene, then put the hidden ones below all visible ones.

        Raises:
            StudioError: The display is gone.
        """
        if scene == self._scene or not self._scenes:
            return
        hidden_before, self._scene = self._hidden_names, scene
        async with self._switching, connect(self._display()) as client:
            windows = await self._windows(client)
            rising = [each for each in self._shown if each.name in hidden_before - self._hidden_names]
            lowest = min((each.order for each in rising), default=None)
            for each in sorted(self._shown, key=lambda shown: shown.order):
                if lowest is not None and each.order >= lowest and each.name not in self._hidden_names:
                    for window in windows.get(each.session, ()):
                        await self._show(client, window, each)
            await self._activate_highest(client, windows)
            for each in self._shown:
                if each.name in self._hidden_names - hidden_before:
                    for window in windows.get(each.session, ()):
                        await self._hide(client, window)

    @property
    def _hidden_names(self) -> frozenset[str]:
        named = {name for names in self._scenes.values() for name in names}
        return frozenset(named - set(self._scenes.get(self._scene, ())))

    async def reveal(self, process: Process) -> None:
        """Show the windows of a program whose X class is `CONCEALED`, now that something is painted in them.

        Raises:
            StudioError: The display is gone.
        """
        self._concealed.discard(process.pid)
        async with connect(self._display()) as client:
            windows = await self._windows(client)
            for each in [
                each for each in self._shown if each.session == process.pid and each.name not in self._hidden_names
            ]:
                for window in windows.get(each.session, ()):
                    await self._show(client, window, each)
                await self._lift_later(client, windows, each.order)
            await self._activate_highest(client, windows)

    @contextmanager
    def showing(
        self, key: str, area: Area | None = None, *, on_top: bool = False, concealed: bool = False
    ) -> Iterator[Probe]:
        """While this lasts, the windows of a program keep their place.

        Args:
            key: Names it, as for `reserve`.
            area: Its place on the display; None for one that has taken its place already.
            on_top: Whether it is above all that are not.
            concealed: Whether its X class is `CONCEALED`, so that it is seen only once it is revealed.

        Returns:
            A function that waits for a window of a program, and puts it in its place.
        """
        placed: list[_ProgramWindow] = []

        async def arrange(process: Process) -> None:
            if concealed:
                self._concealed.add(process.pid)
            placed.append(_ProgramWindow(key.rpartition(":")[2], self.reserve(key), process.pid, on_top))
            self._shown.append(placed[-1])
            try:
                async with time_limit(WITHIN):
                    await self._arrange(placed[-1], area)
            except TimeoutError:
                raise NotReady(f"{process.name} has no window within {WITHIN:g} s", hint=_MANAGER) from None

        try:
            yield arrange
        finally:
            for shown in placed:
                self._shown.remove(shown)
                self._concealed.discard(shown.session)

    async def _arrange(self, shown: _ProgramWindow, area: Area | None) -> None:
        while True:
            async with connect(self._display()) as client:
                windows = await self._windows(client)
                mine = windows.get(shown.session, ())
                if mine:
                    # The manager keeps a window with the focus that fills the display above all others, and puts it on
                    # top of the rest when it loses the focus: so the focus goes first.
                    await _until_active(client, await self._activate_highest(client, windows))
                    for window in mine:
                        await self._place(client, window, shown, area)
                    await self._lift_later(client, windows, shown.order)
                    return
            await asyncio.sleep(_SOON)

    async def _place(self, client: XClient, window: int, shown: _ProgramWindow, area: Area | None) -> None:
        concealed = shown.session in self._concealed
        if self._scenes or concealed:
            client.keep_contents(window)
        if area is not None:
            await client.place(window, area)
        if shown.name in self._hidden_names:
            await self._hide(client, window)
        elif shown.on_top and not concealed:
            await client.keep_above(window)

    async def _windows(self, client: XClient) -> dict[int, list[int]]:
        """The windows by the session of their program."""
        found: dict[int, list[int]] = {}
        for window, pid in (await client.windows()).items():
            found.setdefault(_session(pid), []).append(window)
        return found

    async def _lift_later(self, client: XClient, windows: Mapping[int, Sequence[int]], order: int) -> None:
        for each in sorted(self._shown, key=lambda shown: shown.order):
            if each.order > order and each.name not in self._hidden_names:
                for window in windows.get(each.session, ()):
                    await client.lift(window)

    async def _activate_highest(self, client: XClient, windows: Mapping[int, Sequence[int]]) -> int:
        """Give the focus to the highest visible window, or else to one that is not arranged.

        Returns:
            The window; 0 when there is none.
        """
        seen = [each for each in reversed(self._shown) if each.name not in self._hidden_names]
        seen = [each for each in seen if each.session not in self._concealed]
        highest = max(seen, key=lambda shown: (shown.on_top, shown.order), default=None)
        sessions = [highest.session] if highest else sorted(windows.keys() - {each.session for each in self._shown})
        found = [window for session in sessions for window in windows.get(session, ())]
        if not found:
            return 0
        await client.activate(found[-1])
        return found[-1]

    async def _show(self, client: XClient, window: int, shown: _ProgramWindow) -> None:
        await client.keep_below(window, below=False)
        if shown.on_top:
            await client.keep_above(window)
        await client.lift(window)

    async def _hide(self, client: XClient, window: int) -> None:
        await client.keep_above(window, above=False)
        await client.sink(window)


async def _until_active(client: XClient, window: int) -> None:
    """Wait until a window has the focus, but not for ever: a program may refuse it."""
    for _ in range(_FOCUS_LOOKS):
        if not window or await client.active() == window:
            return
        await asyncio.sleep(_SOON / 2)


def _session(pid: int) -> int:
    if pid > 0:
        with suppress(OSError):
            return os.getsid(pid)
    return 0


def openbox(display: Mapping[str, str], folder: Path) -> ProcessSpec:
    """The start of the window manager.

    Args:
        display: The variables that let a program in.
        folder: An existing folder for everything that it writes.
    """
    own = str(folder)
    return ProcessSpec(
        argv=(
            "openbox",
            "--sm-disable",  # no session manager: there is no desktop session
            *("--config-file", str(folder / "rc.xml")),
            *("--startup", f"echo {_READY}"),  # it runs this once it manages the display
        ),
        # The operator's own openbox settings are neither read nor written.
        environment={**display, "XDG_CONFIG_HOME": own, "XDG_CACHE_HOME": own, "XDG_DATA_HOME": own},
        detached=True,
    )


@asynccontextmanager
async def open_window_manager(launcher: Launcher, display: Display, folder: Path) -> AsyncIterator[ProcessService]:
    """Openbox, once it manages the display.

    Raises:
        MissingProgram, ProcessFailed, NotReady: It does not start.
    """
    managing = asyncio.Event()

    def hear(output: bytes) -> None:
        if _READY.encode() in output:
            managing.set()

    async def manages(_: Process) -> None:
        await managing.wait()

    (folder / "rc.xml").write_text(_OPENBOX, encoding="utf-8")
    async with launcher.process(openbox(display.environment, folder), manages, stdout=hear) as process:
        yield ProcessService(process, {"display": display.name})
