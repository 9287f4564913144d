"""A recording at a glance."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from retake_flow.errors import ProcessFailed
from retake_flow.studio import contact_sheet, probe
from retake_flow.studio.contact_sheet import EVERY, MOST_FRAMES
from retake_flow.wiring.running import launcher


@pytest.mark.parametrize(("duration", "apart"), [(0.5, EVERY), (60, EVERY), (600, 25), (43_200, 1800)])
def test_a_long_recording_has_fewer_frames_a_minute(duration: float, apart: float) -> None:
    """Never more frames than one can look at."""
    assert contact_sheet.every(duration) == apart
    assert duration / apart <= MOST_FRAMES


@pytest.mark.real
def test_the_sheet_of_a_real_recording_is_a_picture_of_its_frames(tmp_path: Path) -> None:
    """Twenty seconds of red, then of blue, are four frames in a row, two of each."""
    recording = tmp_path / "a b.flv"
    halves = ("-f", "lavfi", "-i", "color=red:s=320x180:d=10:r=5", "-f", "lavfi", "-i", "color=blue:s=320x180:d=10:r=5")
    joined = ("-filter_complex", "[0][1]concat", "-g", "10", str(recording))
    subprocess.run(["ffmpeg", "-v", "error", *halves, *joined], check=True)
    starts = launcher("test")
    sheet = asyncio.run(contact_sheet.draw(starts, recording, 20.0))
    assert sheet == tmp_path / "a b.png"
    found = asyncio.run(probe.probe(starts, sheet))
    assert (found.codec, found.width) == ("png", 4 * 480 + 5 * 8)
    dots_only = ("-vf", "scale=4:1:flags=area", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    command = ["ffmpeg", "-v", "error", "-i", f"file:{sheet}", *dots_only]
    picture = subprocess.run(command, check=True, capture_output=True).stdout
    dots = [picture[at : at + 3] for at in range(0, 12, 3)]
    assert ["red" if dot[0] > dot[2] else "blue" for dot in dots] == ["red", "red", "blue", "blue"]


@pytest.mark.real
def test_what_is_no_recording_has_none(tmp_path: Path) -> None:
    """And nothing is left behind."""
    (tmp_path / "x.flv").write_bytes(b"nothing")
    with pytest.raises(ProcessFailed, match="no contact sheet"):
        asyncio.run(contact_sheet.draw(launcher("test"), tmp_path / "x.flv", 20.0))
    assert [file.name for file in tmp_path.iterdir()] == ["x.flv"]
