"""Quality: the settings of the encoder, ffmpeg's options for them, and settings that follow what the machine can do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from retake_flow.errors import InputError
from retake_flow.flow import formats
from retake_flow.quick_dataclasses import dataclass

#: libx264's presets, from the fastest to the one with the best picture.
PRESETS: Final = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
SOFTWARE: Final = "libx264"
#: Options of each codec, in place of libx264's preset and tuning.
_CODECS: Final = {
    SOFTWARE: (),
    "h264_nvenc": ("-preset", "p4", "-tune", "ll"),
    "h264_qsv": ("-preset", "veryfast"),
    "h264_vaapi": (),
}
CODECS: Final = tuple(_CODECS)
_VAAPI_DEVICE: Final = "/dev/dri/renderD128"
_FRAMERATES: Final = (60, 30, 20, 15)  # those that `adapt` goes through
_SCALES: Final = (0.75, 0.5)
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.5, 10.0
_MOST_AUDIO: Final = 512_000  # bits per second


@dataclass(frozen=True, slots=True)
class Quality:
    """The settings of the encoder; the guide's by default.

    Attributes:
        framerate: Frames per second.
        bitrate: The video's bitrate, such as `1500k`.
        preset: The preset of libx264; other codecs have settings of their own.
        audio_bitrate: The sound's bitrate, such as `128k`.
        keyframe_interval: Seconds from one key frame to the next.
        codec: ffmpeg's name of the encoder.
        scale: The share of the display's width and height that is sent.
    """

    framerate: int = 30
    bitrate: str = "1500k"
    preset: str = "veryfast"
    audio_bitrate: str = "128k"
    keyframe_interval: float = 2.0
    codec: str = SOFTWARE
    scale: float = 1.0

    def check(self) -> None:
        """Refuse settings that cannot be used.

        Raises:
            InputError: One of them cannot be.
        """
        if not 1 <= self.framerate <= 60:
            raise InputError(f"the frame rate {self.framerate} cannot be used", hint="choose one between 1 and 60")
        for rate, most in ((self.bitrate, None), (self.audio_bitrate, _MOST_AUDIO)):
            try:
                if formats.bitrate(rate) > (most or formats.bitrate(rate)):
                    raise ValueError("the sound takes at most 512k")
            except ValueError as error:
                raise InputError(f"the bit rate {rate!r} cannot be used", hint=str(error)) from None
        if self.preset not in PRESETS:
            raise InputError(f"the preset {self.preset!r} cannot be used", hint=f"choose one of {', '.join(PRESETS)}")
        if self.codec not in _CODECS:
            raise InputError(f"the codec {self.codec!r} cannot be used", hint=f"choose one of {', '.join(CODECS)}")
        if not _SHORTEST_INTERVAL <= self.keyframe_interval <= _LONGEST_INTERVAL:
            hint = f"choose {_SHORTEST_INTERVAL:g} to {_LONGEST_INTERVAL:g} seconds"
            raise InputError(f"key frames every {self.keyframe_interval:g} s cannot be used", hint=hint)

    @property
    def device(self) -> tuple[str, ...]:
        """Options before the inputs, for the device of the codec."""
        return ("-vaapi_device", _VAAPI_DEVICE) if self.codec == "h264_vaapi" else ()

    @property
    def filters(self) -> tuple[str, ...]:
        """Filters of the picture, the last before the encoder."""
        # Even numbers, since the encoder halves the colour resolution.
        scaled = f"scale=trunc(iw*{self.scale:g}/2)*2:trunc(ih*{self.scale:g}/2)*2"
        return (
            *((scaled,) if self.scale != 1.0 else ()),
            *(("format=nv12", "hwupload") if self.codec == "h264_vaapi" else ()),
        )

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the encoders of picture and sound."""
        tuned = ("-preset", self.preset, "-tune", "zerolatency") if self.codec == SOFTWARE else _CODECS[self.codec]
        number = self.bitrate.rstrip("kM")
        buffer = f"{2 * int(number)}{self.bitrate[len(number) :]}"  # two seconds (guide)
        return (
            *("-c:v", self.codec, *tuned),
            *("-b:v", self.bitrate, "-maxrate", self.bitrate, "-bufsize", buffer),
            # A format that browsers decode (guide).
            *(() if self.codec == "h264_vaapi" else ("-pix_fmt", "nv12" if self.codec == "h264_qsv" else "yuv420p")),
            *("-g", str(max(1, round(self.keyframe_interval * self.framerate)))),
            *("-c:a", "aac", "-b:a", self.audio_bitrate),
        )

    @property
    def summary(self) -> str:
        """The settings that `lower` changes, in words."""
        preset = f"preset {self.preset}, " if self.codec == SOFTWARE else ""
        size = f", {self.scale:.0%} of the size" if self.scale != 1.0 else ""
        return f"{preset}{self.framerate} frames a second{size}"

    def lower(self) -> tuple[Quality, ...]:
        """Settings that cost less and less: a faster preset, then fewer frames, then a smaller picture."""
        steps: list[Quality] = []

        def add(**changes: Any) -> None:
            steps.append(replace(steps[-1] if steps else self, **changes))

        if self.codec == SOFTWARE:
            for preset in reversed(PRESETS[: PRESETS.index(self.preset)]):
                add(preset=preset)
        for framerate in _FRAMERATES:
            if framerate < self.framerate:
                add(framerate=framerate)
        for scale in _SCALES:
            add(scale=scale)
        return tuple(steps)

    def advice(self, *, adapts: bool) -> str:
        """Advice to a person whose encoder is too slow."""
        faster = next((each.preset for each in self.lower() if each.preset != self.preset), "")
        fewer = next((each.framerate for each in self.lower() if each.framerate != self.framerate), 0)
        helps = (
            f"preset: {faster}" if faster and self.codec == SOFTWARE else "",
            f"framerate: {fewer}" if fewer else "",
            "a smaller size",
            f"hardware that encodes (codec: {CODECS[1]})" if self.codec == SOFTWARE else "",
            "" if adapts else "adapt: true, which does this by itself",
        )
        return ", ".join(each for each in helps if each)


GUIDE: Final = Quality()


#: How long the encoder may be too slow, in seconds.
SLOW_FOR: Final = 60.0
#: How long the encoder has to keep up before better settings are tried; doubled after each failed try.
STEADY: Final = 600.0
LONGEST: Final = 7200.0


class Adaptation:
    """The settings of a run's encoder, one after the other: lower when it is too slow, and higher again.

    ffmpeg cannot change its settings while it runs. So an encoder that is to change ends with a reason, as one that has
    died does, and the flow heals it: with a fresh key and a new encoder, which has the next settings.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: tuple[Quality, ...] = ()
        self._level = 0
        self._rose_at: float | None = None
        self._patience = STEADY

    def begin(self, wanted: Quality) -> Quality:
        """The settings for an encoder that starts now; new settings begin at their first step."""
        if self._steps[:1] != (wanted,):
            self._steps, self._level, self._rose_at, self._patience = (wanted, *wanted.lower()), 0, None, STEADY
        return self._steps[self._level]

    def next(self, slow_for: float, kept_up_for: float) -> str:
        """Change the settings if it is time, and say why; "" as long as they stay.

        Args:
            slow_for: For how many seconds the encoder has been too slow.
            kept_up_for: For how many seconds it has kept up.
        """
        if slow_for >= SLOW_FOR and self._level + 1 < len(self._steps):
            if self._rose_at is not None and self._clock() - self._rose_at < self._patience:
                self._patience = min(LONGEST, 2 * self._patience)
            self._level, self._rose_at = self._level + 1, None
            return f"the encoder is too slow for this machine: it continues with {self._steps[self._level].summary}"
        if self._level and kept_up_for >= self._patience:
            self._level, self._rose_at = self._level - 1, self._clock()
            return f"the encoder keeps up again: it continues with {self._steps[self._level].summary}"
        return ""
