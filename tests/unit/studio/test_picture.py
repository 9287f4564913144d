"""What a small grey picture tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from retake_flow.errors import InputError
from retake_flow.studio import picture
from retake_flow.studio.picture import Picture

DOTS = picture.WIDTH * picture.HEIGHT


@pytest.mark.parametrize(("brightest", "black"), [(0, True), (12, True), (13, False), (255, False)])
def test_black_is_what_has_not_one_bright_dot(brightest: int, black: bool) -> None:
    """One dot that can be seen is enough; noise is not."""
    assert Picture(bytes(DOTS - 1) + bytes([brightest])).black is black


@pytest.mark.parametrize(
    ("dots", "black"), [([19, 19, 19], True), ([17, 19, 21], True), ([19, 19, 22], False), ([30, 30, 30], False)]
)
def test_a_display_without_windows_counts_as_black(dots: list[int], black: bool) -> None:
    """Its own colour alone is no picture; one dot that differs from it is."""
    assert Picture(bytes(dots) * (DOTS // 3)).black is black


def test_brightness_is_a_share() -> None:
    """White is 1, black is 0, and grey between them."""
    assert [Picture(bytes([dot]) * DOTS).brightness for dot in (0, 51, 255)] == [0.0, 0.2, 1.0]


def test_a_file_is_named_plainly() -> None:
    """The path is the working folder, so that nothing in it is taken for something else."""
    spec = picture.of_file(Path("/runs/-x:1%d/a.jpg"))
    assert spec.folder == Path("/runs/-x:1%d")
    assert "a.jpg" in spec.command()


def test_a_size_that_cannot_be_looked_at_is_refused() -> None:
    """It goes into a command line, so only sizes do."""
    with pytest.raises(InputError):
        picture.of_display({"DISPLAY": ":99"}, "1280x720; rm")
