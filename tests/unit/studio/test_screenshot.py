"""How a screenshot is taken."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from retake_flow.studio import screenshot


def test_the_path_is_not_part_of_the_command() -> None:
    """The command holds a plain name, since scrot would expand % and $ in a longer path."""
    spec = screenshot.specification({"DISPLAY": ":99"}, Path("/runs/100%d $a"), "screenshot.jpg")
    assert spec.command()[-1] == "screenshot.jpg"
    assert spec.folder == Path("/runs/100%d $a")
    assert spec.environment["DISPLAY"] == ":99"


def test_smaller_is_never_wider_and_keeps_an_even_height() -> None:
    """A picture is scaled down to a width, and left alone when it is narrower."""
    command = screenshot.smaller(Path("/x"), "a.jpg", "b.jpg", 640, 12).command()
    assert "scale='min(640,iw)':-2" in command
    assert command[-1] == "b.jpg"


def test_each_step_is_smaller_than_the_one_before() -> None:
    """Width and quality never grow from step to step, and the last is tiny."""
    for (wide, good), (width, quality) in pairwise(screenshot.SMALLER):
        assert width <= wide
        assert quality >= good
        assert (width, quality) != (wide, good)
    assert screenshot.SMALLER[-1][0] <= 160
