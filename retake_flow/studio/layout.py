"""Layout: the places of windows on a display."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from retake_flow.errors import InputError
from retake_flow.quick_dataclasses import dataclass

#: The colour of an empty display, the same as the stage's: 0xRRGGBB.
BACKDROP: Final = 0x101318


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on a display, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def geometry(self) -> str:
        """As X programs take it: `640x360+0+0`."""
        return f"{self.width}x{self.height}+{self.x}+{self.y}"


@dataclass(frozen=True, slots=True)
class Placed:
    """The place of a window.

    Attributes:
        key: Names what is shown; windows lie above those whose keys came first.
        at: A name of `PLACES`, or the pixels of its left upper corner.
        size: Its size in pixels; "" for the usual one of its place.
    """

    key: str = ""
    at: str = "full"
    size: str = ""
    on_top: bool = False


WHOLE: Final = Placed()

#: Where a window goes that is `width` by `height` on a display of `across` by `down`.
_Corner = Callable[[int, int, int, int], tuple[int, int]]
_CORNERS: Final[Mapping[str, _Corner]] = {
    "top-left": lambda across, down, width, height: (0, 0),
    "top-right": lambda across, down, width, height: (across - width, 0),
    "bottom-left": lambda across, down, width, height: (0, down - height),
    "bottom-right": lambda across, down, width, height: (across - width, down - height),
}
PLACES: Final = ("full", "left", "right", "top", "bottom", "center", *_CORNERS)
_PIXELS: Final = re.compile(r"(\d{1,4}),(\d{1,4})")
_SIZE: Final = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})")
_THIRD: Final = 3  # a window in a corner takes a third of the width and of the height


def place(display: str, at: str = "full", size: str = "") -> Area:
    """The area of a window.

    Args:
        display: The size of the display, such as `1280x720`.
        at: A name of `PLACES`, or the pixels of its left upper corner: `640,0`.
        size: Its size in pixels; "" for the usual one of its place.

    Raises:
        InputError: It is no place, no size, or not on the display.
    """
    across, down = _pair(_SIZE, display) or (1280, 720)
    asked = _pair(_SIZE, size) if size else None
    pixels = _pair(_PIXELS, at)
    if size and asked is None:
        raise InputError(f"the size {size!r} cannot be used", hint="write width and height in pixels: 640x360")
    if pixels is None and at not in PLACES:
        raise InputError(
            f"the place {at!r} is not known",
            hint=f"write one of {', '.join(PLACES)}, or pixels from the left and top: 640,0",
        )
    width, height = asked or (across - pixels[0], down - pixels[1]) if pixels else asked or _usual(at, across, down)
    x, y = pixels or _start(at, across, down, width, height)
    if min(width, height) < 1 or x + width > across or y + height > down or min(x, y) < 0:
        raise InputError(
            f"a window of {width}x{height} at {at} is not on a display of {display}",
            hint="make it smaller, or the display larger (`size` of studio.display)",
        )
    return Area(x, y, width, height)


def _usual(at: str, across: int, down: int) -> tuple[int, int]:
    if at in ("left", "right"):
        return across // 2, down
    if at in ("top", "bottom"):
        return across, down // 2
    if at == "center":
        return across * 2 // 3, down * 2 // 3
    return (across // _THIRD, down // _THIRD) if at in _CORNERS else (across, down)


def _start(at: str, across: int, down: int, width: int, height: int) -> tuple[int, int]:
    if at in _CORNERS:
        return _CORNERS[at](across, down, width, height)
    if at == "center":
        return (across - width) // 2, (down - height) // 2
    return (across - width if at == "right" else 0), (down - height if at == "bottom" else 0)


def _pair(pattern: re.Pattern[str], text: str) -> tuple[int, int] | None:
    found = pattern.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None
