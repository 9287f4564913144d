"""The settings of the encoder."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from retake_flow.errors import InputError
from retake_flow.studio.encoding.encoder import Encoder
from retake_flow.studio.encoding.quality import GUIDE, LONGEST, SLOW_FOR, STEADY, Adaptation, Quality


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


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_slow_encoder_steps_down_until_nothing_is_left() -> None:
    """Each minute of being too slow is one step, and it says what comes next."""
    adaptation = Adaptation(Clock())
    assert adaptation.begin(GUIDE) == GUIDE
    assert adaptation.next(SLOW_FOR - 1, 0) == ""
    for step in GUIDE.lower():
        assert step.summary in adaptation.next(SLOW_FOR, 0)
        assert adaptation.begin(GUIDE) == step
    assert adaptation.next(9 * SLOW_FOR, 0) == ""


def test_it_steps_up_again_and_waits_longer_after_a_step_that_was_too_much() -> None:
    """A step up that is too much doubles the time until the next one, up to two hours."""
    clock = Clock()
    adaptation = Adaptation(clock)
    adaptation.begin(GUIDE)
    adaptation.next(SLOW_FOR, 0)
    patience = STEADY
    for _ in range(6):
        assert adaptation.next(0, patience - 1) == ""
        assert "keeps up again" in adaptation.next(0, patience)
        assert adaptation.begin(GUIDE) == GUIDE
        assert adaptation.next(SLOW_FOR, 0) != ""
        patience = min(LONGEST, 2 * patience)
    assert patience == LONGEST


def test_other_settings_begin_at_their_first_step() -> None:
    """Steps belong to the settings that they began with."""
    adaptation = Adaptation(Clock())
    adaptation.begin(GUIDE)
    adaptation.next(SLOW_FOR, 0)
    assert adaptation.begin(Quality(framerate=60)) == Quality(framerate=60)


def test_an_encoder_that_keeps_up_at_full_settings_stays() -> None:
    """There is nothing above what was asked for."""
    adaptation = Adaptation(Clock())
    adaptation.begin(GUIDE)
    assert adaptation.next(0, 1e9) == ""


def test_an_encoder_that_is_to_change_ends_with_the_reason() -> None:
    """The flow hears why it ended, and what the next one does."""
    adaptation = Adaptation()
    adaptation.begin(GUIDE)
    process = SimpleNamespace(name="ffmpeg", wait=asyncio.Event().wait, read_output=lambda: None)
    reader = SimpleNamespace(latest=None, health=lambda: SimpleNamespace(slow_for=SLOW_FOR))
    running: Any = Encoder(process, reader, {"frames": 1}, adaptation)  # type: ignore[arg-type]
    assert "preset superfast" in asyncio.run(running.wait())
