"""Window actions: show pages, terminals, films and other programs on the stream, each in a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, Protocol

from retake_flow.actions.base import COUNT, FLAG, SERVICE, STARTED, TEXT, WORDS, Family, described
from retake_flow.errors import InputError
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.duration import seconds
from retake_flow.flow.state_parts import Retry
from retake_flow.ports.actions import Call, Service
from retake_flow.responders.schema import VARIABLES
from retake_flow.studio.layout import Placed

#: The default retry of a window: soon, and for as long as it takes.
BACK: Final = Retry(max=600, interval=0.2, rate=2.0, cap=2.0)
_AT: Final[dict[str, Any]] = described(
    TEXT,
    "full, left, right, top, bottom, center, a corner such as bottom-right, or pixels: 640,0.",
    pattern=r"^(full|left|right|top|bottom|center|(top|bottom)-(left|right)|\d{1,4},\d{1,4})$",
    default="full",
    errorMessage="write full, left, right, top, bottom, center, a corner such as bottom-right, or pixels: 640,0",
)
_SIZE: Final[dict[str, Any]] = described(
    TEXT,
    "Width and height in pixels; by default those of its place.",
    pattern=r"^[1-9]\d{0,3}x[1-9]\d{0,3}$",
    errorMessage="write width x height in pixels, such as 640x360",
)
_PLACED: Final = {
    "at": _AT,
    "size": _SIZE,
    "on_top": described(FLAG, "Whether it is above all windows that are not on top.", default=False),
}
_FILES: Final[dict[str, Any]] = {
    "type": "array",
    "items": WORDS,
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
    "font": described(TEXT, "A font name, as in fontconfig.", default="Monospace"),
    "font_size": described(COUNT, "In points.", minimum=6, maximum=72, default=14),
}
_LOOP: Final = described(FLAG, "Whether to start over after the last one; otherwise the service exits.", default=True)
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
            "folder": described(TEXT, "A folder with an index.html, relative to the flow's file.", minLength=1),
            "url": described(
                TEXT,
                "The address of a page, instead of a folder.",
                pattern=r"^https?://\S+$",
                errorMessage="write the address of a page: https://…",
            ),
            "allow": {
                "type": "array",
                "items": WORDS,
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
            "url": described(
                TEXT,
                "An address, instead of files.",
                pattern=r"^(https?|rtmps?|rtsp|srt)://\S+$",
                errorMessage="write an address that begins with https, http, rtmps, rtmp, rtsp or srt",
            ),
            "loop": _LOOP,
            "volume": _VOLUME,
            "duck": described(FLAG, _QUIETER, default=False),
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
            "every": described(TEXT, "How long each stays.", format="duration", default="10s"),
            "loop": _LOOP,
            **_PLACED,
        },
        programs=("mpv",),
    ),
    _spec(
        "studio.music",
        "Play music on the stream (mpv).",
        {"files": _FILES, "loop": _LOOP, "volume": _VOLUME, "duck": described(FLAG, _QUIETER, default=True)},
        result={"files": COUNT},
        programs=("mpv",),
    ),
)

Opening = AbstractAsyncContextManager[Service]


class Files(Protocol):
    """The files that a flow may show; `retake_flow.studio.media.Media` has real ones."""

    def folder(self, name: str) -> Path:
        """A folder with a page."""


class Screen(Protocol):
    """The windows of one run's studio; `retake_flow.studio.screen.Screen` opens real ones."""

    @property
    def media(self) -> Files:
        """The files that the flow may show."""

    def page(
        self,
        place: Path | str,
        allow: Sequence[str] = (),
        state: Mapping[str, Any] | None = None,
        *,
        placed: Placed,
        note: Callable[..., object],
    ) -> Opening:
        """Show a web page."""

    def terminal(
        self, command: Sequence[str], *, font: str, font_size: int, variables: Sequence[str], placed: Placed
    ) -> Opening:
        """Show a terminal in which a program runs."""

    def log(self, *, font: str, font_size: int, placed: Placed) -> Opening:
        """Show the stream log."""

    def program(self, command: Sequence[str], *, variables: Sequence[str], placed: Placed) -> Opening:
        """Show a program that opens a window."""

    def film(self, places: Sequence[str], *, loop: bool, volume: int, duck: bool, placed: Placed) -> Opening:
        """Show films."""

    def slides(self, places: Sequence[str], *, every: float, loop: bool, placed: Placed) -> Opening:
        """Show pictures, one after the other."""

    def music(self, places: Sequence[str], *, loop: bool, volume: int, duck: bool) -> Opening:
        """Play music."""


class WindowActions(Family):
    """The windows of one run's studio, in methods named as the actions."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.services = {spec.name: getattr(self, spec.name.removeprefix("studio.")) for spec in SPECS}

    def page(self, call: Call) -> Opening:
        """Show a web page from a folder or an address.

        Raises:
            InputError: Neither is named, or both are.
        """
        folder, url = _one_of(call, "folder", "url")
        allow, data = _texts(call, "allow"), call.inputs.get("data")
        return self._screen.page(
            self._screen.media.folder(str(folder)) if folder else str(url),
            allow,
            data,
            placed=_placement(call),
            note=call.note,
        )

    def terminal(self, call: Call) -> Opening:
        """Show a terminal in which a program runs."""
        return self._screen.terminal(
            _texts(call, "command"), **_font(call), variables=_texts(call, "variables"), placed=_placement(call)
        )

    def log(self, call: Call) -> Opening:
        """Show the stream log in a terminal."""
        return self._screen.log(**_font(call), placed=_placement(call))

    def window(self, call: Call) -> Opening:
        """Show a program that opens a window."""
        command, variables = _texts(call, "command"), _texts(call, "variables")
        return self._screen.program(command, variables=variables, placed=_placement(call))

    def film(self, call: Call) -> Opening:
        """Show films from files or an address.

        Raises:
            InputError: Neither is named, or both are.
        """
        _, url = _one_of(call, "files", "url")
        places = [str(url)] if url else _texts(call, "files")
        return self._screen.film(places, **_playback(call), placed=_placement(call))

    def slides(self, call: Call) -> Opening:
        """Show pictures, one after the other."""
        every, loop = seconds(call.inputs["every"]), bool(call.inputs["loop"])
        return self._screen.slides(_texts(call, "files"), every=every, loop=loop, placed=_placement(call))

    def music(self, call: Call) -> Opening:
        """Play music."""
        return self._screen.music(_texts(call, "files"), **_playback(call))


def _placement(call: Call) -> Placed:
    at, size = str(call.inputs["at"]), str(call.inputs.get("size") or "")
    return Placed(call.place, at, size, bool(call.inputs["on_top"]))


def _font(call: Call) -> dict[str, Any]:
    return {"font": str(call.inputs["font"]), "font_size": int(call.inputs["font_size"])}


def _playback(call: Call) -> dict[str, Any]:
    loop, volume = bool(call.inputs["loop"]), int(call.inputs["volume"])
    return {"loop": loop, "volume": volume, "duck": bool(call.inputs["duck"])}


def _texts(call: Call, name: str) -> list[str]:
    return [str(text) for text in call.inputs.get(name) or ()]


def _one_of(call: Call, first: str, second: str) -> tuple[Any, Any]:
    """The values of two inputs of which one is given."""
    values = call.inputs.get(first), call.inputs.get(second)
    if bool(values[0]) is bool(values[1]):
        raise InputError(f"{call.do} takes either `{first}` or `{second}`")
    return values
