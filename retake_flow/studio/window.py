"""Window manager and content window: openbox, and xterm showing the stream log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.display import Display
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process
from retake_flow.studio.processes.process_spec import ProcessSpec
from retake_flow.studio.windows.arrangement import CONCEALED
from retake_flow.studio.windows.xterm import DEAF

_READY = "managing"

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
class Window:
    """A program that draws on a display."""

    process: Process
    value: Mapping[str, Any]

    async def wait(self) -> str:
        """Wait until the program ends, and return why."""
        return await self.process.wait()


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


def xterm(display: Mapping[str, str], log: Path) -> ProcessSpec:
    """The start of the content window: the guide's command line (section 4), with the marked additions."""
    return ProcessSpec(
        argv=(
            "xterm",
            *("-fa", "Monospace"),
            *("-fs", "12"),
            *("-bg", "black"),
            *("-fg", "#00ff00"),
            *("-geometry", "160x45+0+0"),
            # Added: 160x45 characters of this font are larger than 1280x720, so the newest lines would be written
            # below the picture. Maximized, it fits a display of any size, with or without a window manager.
            "-maximized",
            # Added: its program starts when the window is mapped, which makes the window's readiness visible.
            *("-xrm", "XTerm*waitForMap: true"),
            # Added: it only has to be visible.
            *(word for resource in DEAF for word in ("-xrm", f"XTerm*{resource}")),
            # From the first line on, and by name, so that a log created again is picked up.
            *("-e", "tail", "-n", "+1", "-F", str(log)),
        ),
        environment={**display, "LC_ALL": "C.UTF-8"},  # otherwise it would take the log for Latin-1
        detached=True,
    )


@asynccontextmanager
async def open_window_manager(launcher: Launcher, display: Display, folder: Path) -> AsyncIterator[Window]:
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
        yield Window(process, {"display": display.name})


@asynccontextmanager
async def open_content(launcher: Launcher, display: Display, log: Path) -> AsyncIterator[Window]:
    """The content window, once it is mapped and shows the log.

    Raises:
        MissingProgram, ProcessFailed, NotReady: It does not start.
    """
    async with launcher.process(xterm(display.environment, log), _shows) as process:
        yield Window(process, {"display": display.name, "log": str(log)})


async def _shows(process: Process) -> None:
    while True:
        if "tail" in _children(process.pid):
            return
        await asyncio.sleep(0.01)


def _children(pid: int) -> list[str]:
    import psutil

    try:
        return [child.name() for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []
