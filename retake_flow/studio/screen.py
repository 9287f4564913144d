"""Screen: the pages, terminals, players and programs that a run shows, each in its own window."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from retake_flow.errors import Finished
from retake_flow.quick_dataclasses import dataclass
from retake_flow.settings import NETWORK, PYTHON
from retake_flow.studio import layout, programs, sound, unprivileged
from retake_flow.studio.display import Display
from retake_flow.studio.layout import WHOLE, Area, Placed
from retake_flow.studio.media import Media
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessService, ProcessSpec
from retake_flow.studio.windows import arrangement, player
from retake_flow.studio.windows.arrangement import Arrangement
from retake_flow.studio.windows.xterm import FONT, FONT_SIZE, xterm
from retake_flow.studio.work_folder import WorkFolder

if TYPE_CHECKING:  # imported with the first page, so that resuming a run does not wait for them
    from retake_flow.studio.browser.browser import Browser
    from retake_flow.studio.browser.page import Note, Page
    from retake_flow.studio.browser.source import AllowedHosts

_READY_WITHIN: Final = arrangement.WITHIN + 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Played(ProcessService):
    """A player, whose end is not a failure when it has played everything."""

    async def wait(self) -> str:
        """Wait until the program ends, and return why.

        Raises:
            Finished: It has played everything.
        """
        reason = await self.process.wait()
        if self.process.status == 0:
            raise Finished("everything has been played")
        return reason


class Screen:
    """The windows of one run.

    Args:
        display: Returns the open display, or raises NoDisplay.
        log: Returns the file of the stream log, which exists.
    """

    def __init__(
        self,
        launcher: Launcher,
        folder: WorkFolder,
        media: Media,
        display: Callable[[], Display],
        log: Callable[[], Path],
        *,
        sandbox: bool = True,
    ) -> None:
        self._launcher = launcher
        self._folder = folder
        self.media = media
        self._display = display
        self._sandbox = sandbox
        self._arrangement = Arrangement(display)
        self._log = log

    @property
    def browses(self) -> bool:
        """Whether the program that shows pages is installed."""
        from retake_flow.studio.browser import chromium

        return programs.find(chromium.PROGRAM, self._launcher.environment) is not None

    def guests(self) -> Path:
        """The folder of the sound socket for pages, which their user may reach."""
        unprivileged.let_in(self._folder.ensure())
        return unprivileged.let_in(self._folder.ensure("guests"))

    def divide(self, scenes: Mapping[str, Sequence[str]]) -> None:
        """Say which activities' windows are seen in which scenes."""
        self._arrangement.divide(scenes, "starting")

    async def switch(self, scene: str) -> None:
        """Show the windows of a scene.

        Raises:
            StudioError: The display is gone.
        """
        await self._arrangement.switch(scene)

    @asynccontextmanager
    async def page(
        self,
        place: Path | str,
        allow: Sequence[str] = (),
        state: Mapping[str, Any] | None = None,
        *,
        placed: Placed = WHOLE,
        note: Note = lambda event, **fields: None,
    ) -> AsyncIterator[Page]:
        """A web page. Its value is `{display, url}`.

        `place` is a folder with an `index.html`, or an address; `state` is for its function `update`.

        Raises:
            InputError: The page cannot be one, or its window has no place on the display.
            StudioError: It cannot be shown.
        """
        from retake_flow.studio.browser.browser import open_browser
        from retake_flow.studio.browser.page import open_page

        display, area = self._place(placed)
        heard = self._heard()
        self._arrangement.reserve(placed.key)

        @asynccontextmanager
        async def opening(
            hosts: AllowedHosts, refused: Callable[[str, str], object], loaded: Callable[[], object]
        ) -> AsyncIterator[Browser]:
            opened = open_browser(
                self._launcher, display, area, hosts, heard, refused=refused, loaded=loaded, sandbox=self._sandbox
            )
            async with opened as browser:
                showing = self._arrangement.showing(placed.key, area, on_top=placed.on_top, concealed=True)
                with showing as arrange:
                    # By itself it would keep a pixel away from the edges of the display.
                    await arrange(browser.process)
                    browser.reveal = partial(self._arrangement.reveal, browser.process)
                    yield browser

        async with open_page(opening, {"display": display.name}, place, allow, state, note) as page:
            yield page

    def terminal(
        self,
        command: Sequence[str],
        *,
        font: str = FONT,
        font_size: int = FONT_SIZE,
        variables: Sequence[str] = (),
        placed: Placed = WHOLE,
    ) -> AbstractAsyncContextManager[ProcessService]:
        """A terminal in which a program runs, without input. Its value is `{display}`.

        A path in the command is relative to the flow's file; the font size is in points.
        """
        display, area = self._place(placed)
        around = {**display.environment, **self._heard()}
        argv = programs.command_in(self.media.home, command)
        spec = xterm(around, area, argv, self.media.home, font=font, size=font_size, variables=variables)
        return self._window(spec, area, placed)

    def log(
        self, *, font: str = FONT, font_size: int = FONT_SIZE, placed: Placed = WHOLE
    ) -> AbstractAsyncContextManager[ProcessService]:
        """The stream log in a terminal; arguments as for `terminal`."""
        # From the first line on, and by name, so that a log created again is picked up.
        command = ("tail", "-n", "+1", "-F", str(self._log()))
        return self.terminal(command, font=font, font_size=font_size, placed=placed)

    def program(
        self, command: Sequence[str], *, variables: Sequence[str] = (), placed: Placed = WHOLE
    ) -> AbstractAsyncContextManager[ProcessService]:
        """Any program with a window; arguments as for `terminal`. Its value is `{display}`."""
        display, area = self._place(placed)
        spec = ProcessSpec(
            argv=programs.command_in(self.media.home, command),
            environment={**display.environment, **self._heard()},
            variables=(*NETWORK, *PYTHON, *variables),
            folder=self.media.home,
            detached=True,
            hint="studio.window takes a program that opens a window",
        )
        return self._window(spec, area, placed)

    def film(
        self, places: Sequence[str], *, loop: bool = True, volume: int = 100, duck: bool = False, placed: Placed = WHOLE
    ) -> AbstractAsyncContextManager[ProcessService]:
        """Films. Its value is `{display}`.

        `places` are files, relative to the flow's file and with wildcards, or addresses; the volume is from 0 to 100.
        With `duck` they are quieter while something is spoken.
        """
        display, area = self._place(placed)
        found = self.media.files(places)
        spec = player.film(display.environment, self._heard(), area, found, loop=loop, volume=volume, duck=duck)
        return self._window(spec, area, placed, Played)

    def slides(
        self, places: Sequence[str], *, every: float, loop: bool = True, placed: Placed = WHOLE
    ) -> AbstractAsyncContextManager[ProcessService]:
        """Pictures, each for `every` seconds; other arguments as for `film`. Its value is `{display}`."""
        display, area = self._place(placed)
        spec = player.slides(display.environment, area, self.media.files(places), loop=loop, every=every)
        return self._window(spec, area, placed, Played)

    @asynccontextmanager
    async def music(
        self, places: Sequence[str], *, loop: bool = True, volume: int = 100, duck: bool = True
    ) -> AsyncIterator[ProcessService]:
        """Music, without a window; arguments as for `film`. Its value is `{files}`."""
        found = self.media.files(places)
        spec = player.music(self._heard(), found, loop=loop, volume=volume, duck=duck)
        async with self._launcher.process(spec) as process:
            yield Played(process, {"files": len(found)})

    @asynccontextmanager
    async def _window(
        self, spec: ProcessSpec, area: Area, placed: Placed, kind: type[ProcessService] = ProcessService
    ) -> AsyncIterator[ProcessService]:
        self._arrangement.reserve(placed.key)
        with self._arrangement.showing(placed.key, area, on_top=placed.on_top) as arrange:
            # The arrangement ends first, since its error names the cause.
            async with self._launcher.process(replace(spec, ready_within=_READY_WITHIN), arrange) as process:
                yield kind(process, {"display": self._display().name})

    def _place(self, placed: Placed) -> tuple[Display, Area]:
        display = self._display()
        return display, layout.place(display.size, placed.at, placed.size)

    def _heard(self) -> dict[str, str]:
        """The variables that send a program's sound to the stream, even if the sound starts later."""
        return sound.guests_environment(self.guests())
