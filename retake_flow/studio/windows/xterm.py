"""Terminal: xterm, showing a program's output and taking no input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from retake_flow.settings import NETWORK, PYTHON
from retake_flow.studio.layout import Area
from retake_flow.studio.processes.process_spec import ProcessSpec

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
