"""Specs of the actions with windows, and of music."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retake_flow.actions.spec_schemas import COUNT, FLAG, SERVICE, STARTED, TEXT
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.state_parts import Retry
from retake_flow.responders.schema import VARIABLES

#: The default retry of a window: soon, and for as long as it takes.
BACK: Final = Retry(max=600, interval=0.2, rate=2.0, cap=2.0)
_AT: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^(full|left|right|top|bottom|center|(top|bottom)-(left|right)|\d{1,4},\d{1,4})$",
    "default": "full",
    "description": "full, left, right, top, bottom, center, a corner such as bottom-right, or pixels: 640,0.",
    "errorMessage": "write full, left, right, top, bottom, center, a corner such as bottom-right, or pixels: 640,0",
}
_SIZE: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^[1-9]\d{0,3}x[1-9]\d{0,3}$",
    "description": "Width and height in pixels; by default those of its place.",
    "errorMessage": "write width x height in pixels, such as 640x360",
}
_PLACED: Final = {
    "at": _AT,
    "size": _SIZE,
    "on_top": {**FLAG, "default": False, "description": "Whether it is above all windows that are not on top."},
}
_FILES: Final[dict[str, Any]] = {
    "type": "array",
    "items": {**TEXT, "minLength": 1},
    "minItems": 1,
    "description": "Files, relative to the flow's file; the last part of a path may have wildcards.",
}
_COMMAND: Final[dict[str, Any]] = {
    "type": "array",
    "items": TEXT,
    "minItems": 1,
    "description": "A program and its arguments; a path is relative to the flow's file.",
}
_FONT: Final = {
    "font": {**TEXT, "default": "Monospace", "description": "A font name, as in fontconfig."},
    "font_size": {"type": "integer", "minimum": 6, "maximum": 72, "default": 14, "description": "In points."},
}
_LOOP: Final = {
    **FLAG,
    "default": True,
    "description": "Whether to start over after the last one; otherwise the service exits.",
}
_VOLUME: Final = {"type": "integer", "minimum": 0, "maximum": 100, "default": 100}
_QUIETER: Final = "Whether it is quieter during speech."


def _spec(
    name: str, summary: str, inputs: Mapping[str, Mapping[str, Any]], optional: str = "", **others: Any
) -> ActionSpec:
    """The spec of a service; `optional` names inputs that may be left out, as the size of a window always may."""
    return ActionSpec(
        name,
        summary,
        inputs=inputs,
        optional=frozenset({*optional.split(), *({"size"} & inputs.keys())}),
        outcomes=SERVICE,
        errors=(*STARTED, "input", "secret"),
        retry=BACK,
        service=True,
        beside=True,
        **{"result": {"display": TEXT}, **others},
    )


SPECS: Final = (
    _spec(
        "studio.page",
        "Show a web page in a separate window (Chromium), from a folder or an address.",
        {
            "folder": {
                **TEXT,
                "minLength": 1,
                "description": "A folder with an index.html, relative to the flow's file.",
            },
            "url": {
                **TEXT,
                "pattern": r"^https?://\S+$",
                "description": "The address of a page, instead of a folder.",
                "errorMessage": "write the address of a page: https://…",
            },
            "allow": {
                "type": "array",
                "items": {**TEXT, "minLength": 1},
                "default": [],
                "description": "The hosts that the page may reach: example.org, *.example.org, 127.0.0.1:8080.",
            },
            "data": {"type": "object", "description": "Passed to the page's function update(data), if it has one."},
            **_PLACED,
        },
        "folder url data",
        one_of=("folder", "url"),
        result={"display": TEXT, "url": TEXT},
        programs=("chromium",),
        samples={"url": "https://stage.invalid/"},
    ),
    _spec(
        "studio.terminal",
        "Show a terminal without input in which a program runs (xterm).",
        {"command": _COMMAND, **_FONT, "variables": VARIABLES, **_PLACED},
        "variables",
        programs=("xterm",),
    ),
    _spec("studio.log", "Show the stream log in a terminal (xterm).", {**_FONT, **_PLACED}, programs=("xterm",)),
    _spec(
        "studio.window",
        "Show any program that opens a window.",
        {"command": _COMMAND, "variables": VARIABLES, **_PLACED},
        "variables",
    ),
    _spec(
        "studio.film",
        "Show films (mpv), from files or an address.",
        {
            "files": _FILES,
            "url": {
                **TEXT,
                "pattern": r"^(https?|rtmps?|rtsp|srt)://\S+$",
                "description": "An address, instead of files.",
                "errorMessage": "write an address that begins with https, http, rtmps, rtmp, rtsp or srt",
            },
            "loop": _LOOP,
            "volume": _VOLUME,
            "duck": {**FLAG, "default": False, "description": _QUIETER},
            **_PLACED,
        },
        "files url",
        one_of=("files", "url"),
        programs=("mpv",),
    ),
    _spec(
        "studio.slides",
        "Show pictures one after the other (mpv); a single one stays.",
        {
            "files": _FILES,
            "every": {"type": "string", "format": "duration", "default": "10s", "description": "How long each stays."},
            "loop": _LOOP,
            **_PLACED,
        },
        programs=("mpv",),
    ),
    _spec(
        "studio.music",
        "Play music on the stream (mpv).",
        {"files": _FILES, "loop": _LOOP, "volume": _VOLUME, "duck": {**FLAG, "default": True, "description": _QUIETER}},
        result={"files": COUNT},
        programs=("mpv",),
    ),
)
