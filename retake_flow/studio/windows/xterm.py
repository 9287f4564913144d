"""Terminals: xterm without input, showing a program's output or the stream log, and the safe text of that log."""

from __future__ import annotations

import asyncio
import os
import re
import textwrap
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from retake_flow.errors import StudioError
from retake_flow.redact import require_no_secret
from retake_flow.settings import NETWORK, PYTHON
from retake_flow.studio.display import Display
from retake_flow.studio.layout import Area
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import Process, ProcessService, ProcessSpec

FONT: Final = "Monospace"
FONT_SIZE: Final = 14  # points

#: Resources for an xterm without input and menus that obeys nothing in the text it shows.
DEAF: Final = (
    "translations: <KeyPress>: ignore()",  # instead of all its bindings for keys and mouse
    "ttyModes: intr undef quit undef susp undef",
    "openIm: false",  # no input method either
    *(f"allow{what}: false" for what in ("SendEvents", "WindowOps", "TitleOps", "FontOps", "ColorOps", "TcapOps")),
    *(f"allow{what}: false" for what in ("MouseOps", "PasteControls")),
    "printerCommand:",
)
_LOOK: Final = (
    "background: #0d1117",
    "foreground: #e6edf3",
    "cursorBlink: false",
    "scrollBar: false",
    "internalBorder: 8",
    "borderWidth: 0",
    "resizeByPixel: true",  # it fills its place, also where no whole character fits
    "saveLines: 0",
)


def xterm(
    display: Mapping[str, str],
    area: Area,
    command: Sequence[str],
    folder: Path | None = None,
    *,
    font: str = FONT,
    size: int = FONT_SIZE,
    variables: Sequence[str] = (),
) -> ProcessSpec:
    """The start of a terminal in which a program runs.

    `display` are the variables that let it in at the display. Its window is as many whole characters as fit into
    `area`; `font` is as fontconfig names it, and `size` is in points.
    """
    resources = (*_LOOK, *DEAF, f"faceName: {font}", f"faceSize: {size}")
    return ProcessSpec(
        argv=(
            "xterm",
            *("-geometry", f"+{area.x}+{area.y}"),
            *(word for resource in resources for word in ("-xrm", f"XTerm*{resource}")),
            *("-e", *command),
        ),
        environment={**display, "LC_ALL": "C.UTF-8"},  # otherwise it would take the text for Latin-1
        variables=(*NETWORK, *PYTHON, *variables),
        folder=folder,
        detached=True,
    )


def content(display: Mapping[str, str], log: Path) -> ProcessSpec:
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
async def open_content(launcher: Launcher, display: Display, log: Path) -> AsyncIterator[ProcessService]:
    """The content window, once it is mapped and shows the log.

    Raises:
        MissingProgram, ProcessFailed, NotReady: It does not start.
    """
    async with launcher.process(content(display.environment, log), _shows) as process:
        yield ProcessService(process, {"display": display.name, "log": str(log)})


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


COLUMNS = 120  # the width that fits at 1280 pixels
# Per text, so that none fills more than one screen.
LONGEST_TEXT = 4000
MOST_LINES = 30

# Terminal escape sequences: OSC and its like with their text, CSI, two-character ones; in 7 and 8 bits.
_ESCAPES = (
    r"(?s)(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# Control characters, unwanted line separators, and marks that change the direction of writing.
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"


class StreamLog:
    """A text file whose lines show on stream."""

    def __init__(self, path: Path) -> None:
        """Start a new log at `path`, readable by this user only."""
        self.path = path
        path.unlink(missing_ok=True)
        self.touch()

    def touch(self) -> None:
        """Create the file again if it is gone.

        Raises:
            StudioError: The file cannot be created.
        """
        self._write("")

    def append(self, text: str) -> None:
        """Show a text, without anything that the terminal would obey, wrapped, and cut when it is very long.

        Raises:
            StudioError: The file cannot be written.
            SecretRefused: The text contains a secret.
        """
        require_no_secret("the text for the stream", text)
        lines = display_lines(text)
        if lines:
            self._write("".join(f"{line}\n" for line in lines))

    def _write(self, text: str) -> None:
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise StudioError(f"nothing can be written to the stream log {self.path}: {error.strerror}") from None


def display_lines(text: str) -> list[str]:
    """The lines in which a text shows on stream."""
    clean = text[:LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    clean = re.sub(_CONTROLS, "", re.sub(_ESCAPES, "", clean)).encode("utf-8", "replace").decode()
    return [part for line in clean.split("\n") for part in textwrap.wrap(line, COLUMNS) or [""]][:MOST_LINES]
