"""The places of windows."""

from __future__ import annotations

import pytest

from retake_flow.errors import InputError
from retake_flow.studio.layout import place


@pytest.mark.parametrize(
    ("display", "at", "size", "geometry"),
    [
        ("1280x720", "full", "", "1280x720+0+0"),
        ("720x1280", "full", "", "720x1280+0+0"),
        ("1280x720", "left", "", "640x720+0+0"),
        ("1280x720", "right", "400x720", "400x720+880+0"),
        ("1280x720", "bottom", "", "1280x360+0+360"),
        ("1280x720", "bottom-right", "200x100", "200x100+1080+620"),
        ("1920x1080", "top-right", "", "640x360+1280+0"),
        ("1280x720", "center", "640x360", "640x360+320+180"),
        ("1280x720", "100,50", "", "1180x670+100+50"),
        ("1280x720", "100,50", "16x9", "16x9+100+50"),
    ],
)
def test_a_place_is_an_area(display: str, at: str, size: str, geometry: str) -> None:
    """Names follow the size of the display; a size of its own is kept."""
    assert place(display, at, size).geometry == geometry


@pytest.mark.parametrize(
    ("at", "size"),
    [
        *(("middle", ""), ("1280,0", ""), ("-1,0", ""), ("0,720", "1x1")),
        *(("full", "2000x720"), ("100,100", "1280x720"), ("left", "0x5"), ("left", "big")),
    ],
)
def test_what_is_not_on_the_display_is_refused(at: str, size: str) -> None:
    """Unknown places, sizes that are none, and windows that would be cut."""
    with pytest.raises(InputError):
        place("1280x720", at, size)
