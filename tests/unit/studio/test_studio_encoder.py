"""The encoder's command line."""

from __future__ import annotations

import shlex

import pytest

from retake_flow.errors import InputError, StudioError
from retake_flow.redact import Secret
from retake_flow.studio import encoder

URL = Secret("rtmps://ingest.example:443/app/sk_abcdef123456")

# Section 4 of the guide, literally, with $RTMP_URL/$RTMP_KEY filled in.
GUIDE = r"""
ffmpeg -thread_queue_size 512 \
-f x11grab -video_size 1280x720 -framerate 30 -i :99 \
-f lavfi -i anullsrc=channel_layout=stereo:sample_rate=44100 \
-c:v libx264 -preset veryfast -tune zerolatency \
-b:v 1500k -maxrate 1500k -bufsize 3000k \
-pix_fmt yuv420p -g 60 \
-c:a aac -b:a 128k \
-f flv "rtmps://ingest.example:443/app/sk_abcdef123456"
"""
ADDED = {
    "-hide_banner": 0,
    "-loglevel": 1,
    "-nostats": 0,
    "-xerror": 0,
    "-draw_mouse": 1,
    "-progress": 1,
    "-stats_period": 1,
    "-rw_timeout": 1,
    "-dts_error_threshold": 1,
    "-vf": 1,
}


def without_additions(command: list[str]) -> list[str]:
    """The command as it would be without what we add."""
    kept, rest = [], list(command)
    while rest:
        word = rest.pop(0)
        if word in ADDED:
            del rest[: ADDED[word]]
        else:
            kept.append(word)
    return kept


def test_the_command_is_the_guides_token_by_token() -> None:
    """Without what only concerns reporting and time-outs, the command is the guide's, in its order."""
    command = encoder.specification(URL, ":99", "1280x720").command()
    assert without_additions(command) == shlex.split(GUIDE.replace("\\\n", " "))


def test_the_stream_key_is_not_in_the_specification_as_text() -> None:
    """A specification that is printed shows no stream key."""
    assert "sk_abcdef" not in repr(encoder.specification(URL, ":99", "1280x720"))


def test_settings_change_what_depends_on_them() -> None:
    """Size, frame rate and bit rate reach the command; the buffer and the key frames follow them."""
    command = " ".join(encoder.specification(URL, ":7", "640x360", framerate=15, bitrate="2M").command())
    assert "-video_size 640x360 -framerate 15 -i :7" in command
    assert "-b:v 2M -maxrate 2M -bufsize 4M" in command
    assert "-g 30" in command


@pytest.mark.parametrize(
    ("size", "framerate", "bitrate"),
    [
        ("1280", 30, "1500k"),
        ("1281x720", 30, "1500k"),
        ("0x0", 30, "1500k"),
        ("1280x720; rm", 30, "1500k"),
        ("1280x720", 0, "1500k"),
        ("1280x720", 61, "1500k"),
        ("1280x720", 30, "fast"),
        ("1280x720", 30, "0k"),
        ("1280x720", 30, "-1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_an_input_error(size: str, framerate: int, bitrate: str) -> None:
    """A bad size, frame rate or bit rate is refused with advice, before anything starts."""
    with pytest.raises(InputError) as raised:
        encoder.specification(URL, ":99", size, framerate, bitrate)
    assert raised.value.hint


@pytest.mark.parametrize("address", ["file:///etc/passwd", "https://x/sk_12345678", "", "-y", "rtmp://a/b c"])
def test_only_rtmp_addresses_are_pushed_to(address: str) -> None:
    """Video goes to RTMP addresses only, and a refused address is not repeated in the message."""
    with pytest.raises(StudioError) as raised:
        encoder.specification(Secret(address), ":99", "1280x720")
    assert not address or address not in raised.value.message
