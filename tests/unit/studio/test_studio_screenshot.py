"""How a screenshot is taken."""

from __future__ import annotations

from pathlib import Path

from retake_flow.studio import screenshot


def test_the_path_is_not_part_of_the_command() -> None:
    """The command holds a plain name, since scrot would expand % and $ in a longer path."""
    spec = screenshot.specification(":99", Path("/runs/100%d $a"), "screenshot.png")
    assert spec.command()[-1] == "screenshot.png"
    assert spec.folder == Path("/runs/100%d $a")
    assert spec.environment["DISPLAY"] == ":99"
