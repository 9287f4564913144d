"""What a small grey picture tells."""

from __future__ import annotations

from itertools import pairwise
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


def test_the_path_is_not_part_of_the_command() -> None:
    """The command holds a plain name, since scrot would expand % and $ in a longer path."""
    spec = picture.scrot({"DISPLAY": ":99"}, Path("/runs/100%d $a"), "screenshot.jpg")
    assert spec.command()[-1] == "screenshot.jpg"
    assert spec.folder == Path("/runs/100%d $a")
    assert spec.environment["DISPLAY"] == ":99"


def test_smaller_is_never_wider_and_keeps_an_even_height() -> None:
    """A picture is scaled down to a width, and left alone when it is narrower."""
    command = picture.smaller(Path("/x"), "a.jpg", "b.jpg", 640, 12).command()
    assert "scale='min(640,iw)':-2" in command
    assert command[-1] == "b.jpg"


def test_each_step_is_smaller_than_the_one_before() -> None:
    """Width and quality never grow from step to step, and the last is tiny."""
    for (wide, good), (width, quality) in pairwise(picture.SMALLER):
        assert width <= wide
        assert quality >= good
        assert (width, quality) != (wide, good)
    assert picture.SMALLER[-1][0] <= 160
