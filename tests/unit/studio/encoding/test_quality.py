"""The settings of the encoder."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.errors import InputError
from retake_flow.studio.encoding.quality import GUIDE, Quality


def test_settings_reach_ffmpeg() -> None:
    """Each setting becomes its option; key frames follow the frame rate."""
    quality = Quality(60, "6M", "superfast", "192k", 1.5)
    options = " ".join(quality.options)
    assert "-preset superfast -tune zerolatency -b:v 6M -maxrate 6M -bufsize 12M" in options
    assert options.endswith("-g 90 -c:a aac -b:a 192k")


def test_hardware_has_settings_of_its_own() -> None:
    """VAAPI takes its pictures from its device, and no preset of libx264."""
    quality = Quality(codec="h264_vaapi", scale=0.5)
    assert quality.device == ("-vaapi_device", "/dev/dri/renderD128")
    assert quality.filters == ("scale=trunc(iw*0.5/2)*2:trunc(ih*0.5/2)*2", "format=nv12", "hwupload")
    assert "veryfast" not in quality.options
    assert "yuv420p" not in quality.options


@pytest.mark.parametrize(
    "changes",
    [
        {"framerate": 0},
        {"framerate": 61},
        {"bitrate": "fast"},
        {"bitrate": "0k"},
        {"bitrate": "-1"},
        {"audio_bitrate": "2M"},
        {"preset": "placebo"},
        {"codec": "hevc"},
        {"keyframe_interval": 0.0},
        {"keyframe_interval": 30.0},
    ],
)
def test_a_setting_that_cannot_be_used_is_an_input_error(changes: dict[str, Any]) -> None:
    """It is refused with advice."""
    with pytest.raises(InputError) as raised:
        Quality(**changes).check()
    assert raised.value.hint


def test_settings_are_lowered_in_the_order_preset_frames_size() -> None:
    """Each step keeps what the steps before it have lowered."""
    steps = [(each.preset, each.framerate, each.scale) for each in GUIDE.lower()]
    assert steps == [
        ("superfast", 30, 1.0),
        ("ultrafast", 30, 1.0),
        ("ultrafast", 20, 1.0),
        ("ultrafast", 15, 1.0),
        ("ultrafast", 15, 0.75),
        ("ultrafast", 15, 0.5),
    ]


def test_hardware_keeps_its_preset() -> None:
    """The presets are libx264's alone."""
    assert {each.preset for each in Quality(codec="h264_nvenc").lower()} == {"veryfast"}


def test_advice_names_what_is_left() -> None:
    """It names the next settings, and `adapt` to those who do not use it."""
    assert GUIDE.advice(adapts=False) == (
        "preset: superfast, framerate: 20, a smaller size, hardware that encodes (codec: h264_nvenc), "
        "adapt: true, which does this by itself"
    )
    assert Quality(15, preset="ultrafast", codec="h264_qsv").advice(adapts=True) == "a smaller size"
