"""Reading what a recording holds."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from retake_flow.errors import ProcessFailed
from retake_flow.studio import recordings
from retake_flow.studio.recordings import EVERY, MOST_FRAMES, Recording, specification
from retake_flow.wiring.running import launcher

REPORT = {
    "streams": [
        {"codec_type": "audio", "codec_name": "aac", "avg_frame_rate": "0/0", "nb_read_packets": "69"},
        {
            "codec_type": "video",
            "codec_name": "h264",
            "width": 1280,
            "height": 720,
            "pix_fmt": "yuv420p",
            "avg_frame_rate": "30/1",
            "nb_read_packets": "45",
        },
    ],
    "format": {"duration": "1.602000", "size": "6717"},
}


def test_a_report_is_read() -> None:
    """Video, sound, frames, duration and size come from ffprobe's report, whatever the order of the streams."""
    assert Recording.from_report(REPORT) == Recording(
        codec="h264",
        width=1280,
        height=720,
        pixel_format="yuv420p",
        frames_per_second=30.0,
        frames=45,
        duration_seconds=1.602,
        audio_codec="aac",
        size_bytes=6717,
    )


def test_a_recording_without_a_rate_is_counted() -> None:
    """Where the file names no frame rate, the frames are divided by the duration."""
    video = {"codec_type": "video", "avg_frame_rate": "0/0", "nb_read_packets": "50"}
    recording = Recording.from_report({"streams": [video], "format": {"duration": "2.0"}})
    assert recording.frames_per_second == 25.0


def test_an_empty_recording_is_told_as_it_is() -> None:
    """A file without streams has no codec and no frames."""
    recording = Recording.from_report({"format": {}})
    assert (recording.codec, recording.audio_codec, recording.frames) == ("", "", 0)


def test_a_path_is_never_taken_for_an_option_or_an_address() -> None:
    """The path goes to ffprobe as a file, whatever the path looks like."""
    assert specification(Path("-rtmp:x")).command()[-2:] == ["-i", "file:-rtmp:x"]


@pytest.mark.parametrize(("duration", "apart"), [(0.5, EVERY), (60, EVERY), (600, 25), (43_200, 1800)])
def test_a_long_recording_has_fewer_frames_a_minute(duration: float, apart: float) -> None:
    """Never more frames than one can look at."""
    assert recordings.frame_interval(duration) == apart
    assert duration / apart <= MOST_FRAMES


@pytest.mark.real
def test_the_sheet_of_a_real_recording_is_a_picture_of_its_frames(tmp_path: Path) -> None:
    """Twenty seconds of red, then of blue, are four frames in a row, two of each."""
    recording = tmp_path / "a b.flv"
    halves = ("-f", "lavfi", "-i", "color=red:s=320x180:d=10:r=5", "-f", "lavfi", "-i", "color=blue:s=320x180:d=10:r=5")
    joined = ("-filter_complex", "[0][1]concat", "-g", "10", str(recording))
    subprocess.run(["ffmpeg", "-v", "error", *halves, *joined], check=True)
    starts = launcher("test")
    sheet = asyncio.run(recordings.draw_sheet(starts, recording, 20.0))
    assert sheet == tmp_path / "a b.png"
    found = asyncio.run(recordings.probe(starts, sheet))
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
        asyncio.run(recordings.draw_sheet(launcher("test"), tmp_path / "x.flv", 20.0))
    assert [file.name for file in tmp_path.iterdir()] == ["x.flv"]
