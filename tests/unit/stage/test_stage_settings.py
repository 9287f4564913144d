"""Pictures are read like any file that others may have put there."""

import os
from pathlib import Path

import pytest

from retake_flow.stage.stage_settings import LARGEST, Pictures, data_uri

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A flow's folder with a picture, and with what only looks like one."""
    (tmp_path / "owl.png").write_bytes(PNG)
    (tmp_path / "large.png").write_bytes(PNG + b"x" * LARGEST)
    (tmp_path / "text.png").write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "led.png").symlink_to("pipe.png")
    (tmp_path / "circle.png").symlink_to("circle.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pipe.png", "not a plain file"),
        ("led.png", "not a plain file"),
        ("device.png", "not a plain file"),
        ("folder.png", "a folder"),
        ("large.png", "larger than 350 KiB"),
        ("text.png", "not a picture"),
        ("circle.png", "symbolic links"),
        ("none.png", "No such file"),
        ("a" * 5_000, "too long"),
        ("a\0b", "null"),
    ],
)
def test_what_is_no_picture_is_neither_shown_nor_waited_for(folder: Path, name: str, said: str) -> None:
    """A pipe would hold the whole run until somebody writes into it."""
    with pytest.raises(ValueError, match=said):
        data_uri(folder / name)
    assert Pictures(folder).load(name) == ""


def test_a_picture_is_shown(folder: Path) -> None:
    """As a data URI of its kind."""
    assert Pictures(folder).load("owl.png") == data_uri(folder / "owl.png")
    assert data_uri(folder / "owl.png").startswith("data:image/png;base64,")
