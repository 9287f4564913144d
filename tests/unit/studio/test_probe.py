"""Reading what a recording holds."""

from __future__ import annotations

from pathlib import Path

from retake_flow.studio.probe import Recording, specification

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
