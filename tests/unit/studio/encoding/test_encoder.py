"""The encoder's command line."""

from __future__ import annotations

import shlex

import pytest

from retake_flow.errors import InputError, StudioError
from retake_flow.redact import Secret
from retake_flow.studio.encoding import encoder
from retake_flow.studio.encoding.quality import Quality

URL = Secret("rtmps://ingest.example:443/app/sk_abcdef123456")
TARGET = encoder.Target.of(URL)
DISPLAY = {"DISPLAY": ":99", "XAUTHORITY": "/folder/authority"}

# Section 4 of the guide, literally, with $RTMP_URL filled in; the key is not among the arguments.
GUIDE = r"""
ffmpeg -thread_queue_size 512 \
-f x11grab -video_size 1280x720 -framerate 30 -i :99 \
-f lavfi -i anullsrc=channel_layout=stereo:sample_rate=44100 \
-c:v libx264 -preset veryfast -tune zerolatency \
-b:v 1500k -maxrate 1500k -bufsize 3000k \
-pix_fmt yuv420p -g 60 \
-c:a aac -b:a 128k \
-f flv "rtmps://ingest.example:443/app"
"""
ADDED = {
    "-hide_banner": 0,
    "-loglevel": 1,
    "-nostats": 0,
    "-xerror": 0,
    "-draw_mouse": 1,
    "-follow_mouse": 1,
    "-progress": 1,
    "-stats_period": 1,
    "-rw_timeout": 1,
    "-dts_error_threshold": 1,
    "-vf": 1,
    "-fpre": 1,
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
    command = encoder.specification(TARGET, DISPLAY, "1280x720", Quality()).command()
    assert without_additions(command) == shlex.split(GUIDE.replace("\\\n", " "))


def test_the_stream_key_is_not_in_the_specification_as_text() -> None:
    """Neither a specification that is printed nor the command itself shows the stream key."""
    spec = encoder.specification(TARGET, DISPLAY, "1280x720", Quality())
    assert "sk_abcdef" not in f"{spec} {TARGET} {spec.command()} {dict(spec.environment)}"


@pytest.mark.parametrize(
    ("url", "address", "app", "key"),
    [
        ("rtmps://h:443/app/sk_1234567", "rtmps://h:443/app", "app", "sk_1234567"),
        ("rtmp://h/a/b/k=1?x=y", "rtmp://h/a/b", "a/b", "k=1?x=y"),
        ("rtmp://[::1]:1/app?t=1/#k", "rtmp://[::1]:1/app?t=1", "app?t=1", "#k"),
    ],
)
def test_the_key_is_what_comes_last(url: str, address: str, app: str, key: str) -> None:
    """Ffmpeg reads application and key as options, each on a line of its own."""
    target = encoder.Target.of(Secret(url))
    assert (target.address, target.app, target.key.reveal()) == (address, app, key)
    assert target.preset.decode().splitlines() == [f"rtmp_app={app}", f"rtmp_playpath={key}"]


def test_settings_change_what_depends_on_them() -> None:
    """Size, frame rate and bit rate reach the command; the buffer and the key frames follow them."""
    command = " ".join(
        encoder.specification(TARGET, {"DISPLAY": ":7"}, "640x360", Quality(framerate=15, bitrate="2M")).command()
    )
    assert "-video_size 640x360 -framerate 15 -i :7" in command
    assert "-b:v 2M -maxrate 2M -bufsize 4M" in command
    assert "-g 30" in command


@pytest.mark.parametrize("size", ["1280", "1281x720", "0x0", "1280x720; rm"])
def test_a_size_that_cannot_be_used_is_an_input_error(size: str) -> None:
    """A bad size is refused with advice, before anything starts."""
    with pytest.raises(InputError) as raised:
        encoder.specification(TARGET, DISPLAY, size, Quality())
    assert raised.value.hint


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "https://x/sk_12345678", "", "-y", "rtmp://a/b c", "rtmp://a/b", "rtmp://h/a/" + "k" * 901],
)
def test_only_rtmp_addresses_are_pushed_to(address: str) -> None:
    """Video goes to RTMP addresses only, and a refused address is not repeated in the message."""
    with pytest.raises(StudioError) as raised:
        encoder.Target.of(Secret(address))
    assert not address or address not in raised.value.message
