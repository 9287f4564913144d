"""Screen: what a run shows on its display, each in a window of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from retake_flow.studio import layout, sound, unprivileged
from retake_flow.studio.browser.allowed_hosts import AllowedHosts
from retake_flow.studio.browser.browser import Browser, open_browser
from retake_flow.studio.browser.page import Note, Page, open_page
from retake_flow.studio.display import Display
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.work_folder import WorkFolder


class Screen:
    """The windows of one run.

    Args:
        launcher: Starts the programs.
        folder: The run's temporary folder.
        home: The folder of the flow's file, from which paths are read.
        display: Returns the open display, or raises NoDisplay.
        sandbox: Whether the kernel confines the renderers of pages.
    """

    def __init__(
        self,
        launcher: Launcher,
        folder: WorkFolder,
        home: Path,
        display: Callable[[], Display],
        *,
        sandbox: bool = True,
    ) -> None:
        self._launcher = launcher
        self._folder = folder
        self._home = home
        self._display = display
        self._sandbox = sandbox

    def guests(self) -> Path:
        """The folder of the socket through which pages are heard; their user may reach it."""
        unprivileged.let_in(self._folder.made())
        return unprivileged.let_in(self._folder.made("guests"))

    @asynccontextmanager
    async def page(
        self,
        place: Path | str,
        allow: Sequence[str] = (),
        state: Mapping[str, Any] | None = None,
        *,
        at: str = "full",
        size: str = "",
        note: Note = lambda event, **fields: None,
    ) -> AsyncIterator[Page]:
        """A web page. Its value is `{display, url}`.

        Args:
            place: A folder with an `index.html`, beside the flow's file, or an address.
            allow: The hosts that it may reach.
            state: A state for its function `update`.
            at: The place of the window.
            size: The size of the window; "" for the usual one of its place.
            note: Writes a record into the journal.

        Raises:
            InputError: The page cannot be one, or its window has no place on the display.
            StudioError: It cannot be shown.
        """
        display = self._display()
        area = layout.place(display.size, at, size)
        heard = sound.guests_environment(self.guests())

        def opening(
            hosts: AllowedHosts, refused: Callable[[str, str], object], loaded: Callable[[], object]
        ) -> AbstractAsyncContextManager[Browser]:
            return open_browser(
                self._launcher, display, area, hosts, heard, refused=refused, loaded=loaded, sandbox=self._sandbox
            )

        where = self._home / place if isinstance(place, Path) else place
        async with open_page(opening, {"display": display.name}, where, allow, state, note) as page:
            yield page
