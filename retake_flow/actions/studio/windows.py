"""Window actions: show pages, terminals, films and other programs on the stream, each in a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from retake_flow.actions.base import Family
from retake_flow.actions.studio.window_specs import SPECS
from retake_flow.errors import InputError
from retake_flow.flow.duration import seconds
from retake_flow.ports.actions import Call, Service
from retake_flow.studio.layout import Placed

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
