"""The encoder's command line."""

from __future__ import annotations

import shlex

import pytest

from retake_flow.errors import InputError, StudioError
from retake_flow.redact import Secret
from retake_flow.studio.encoding import encoder
from retake_flow.studio.encoding.encoder import diagnose
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


UNREACHABLE = [
    (
        "[tcp @ 0x1] Failed to resolve hostname nowhere.invalid: Name or service not known\n"
        "[rtmp @ 0x1] Cannot open connection tcp://nowhere.invalid:1935?tcp_nodelay=0\n"
        "rtmp://nowhere.invalid/app/•••: Input/output error",
        "cannot be resolved: nowhere.invalid: Name or service not known",
    ),
    (
        "[tcp @ 0x1] Failed to resolve hostname mux.com: Temporary failure in name resolution\n"
        "[rtmps @ 0x1] Cannot open connection tls://mux.com:443\nrtmps://mux.com:443/app/•••: Input/output error",
        "cannot be resolved: mux.com: Temporary failure in name resolution",
    ),
    (
        "[tcp @ 0x1] Connection to tcp://127.0.0.1:1 failed: Connection refused\n"
        "[rtmps @ 0x1] Cannot open connection tls://127.0.0.1:1\nrtmps://127.0.0.1:1/app/•••: Connection refused",
        "nothing listens at the address of the platform's ingest: Connection refused",
    ),
    (
        "[tcp @ 0x1] Connection to tcp://10.1.1.1:1935?tcp_nodelay=0 failed: Network is unreachable\n"
        "[rtmp @ 0x1] Cannot open connection tcp://10.1.1.1:1935?tcp_nodelay=0",
        "there is no network route to the platform's ingest: Network is unreachable",
    ),
    (
        "[rtmp @ 0x1] Cannot read RTMP handshake response\nrtmp://127.0.0.1:9/app/•••: Connection timed out",
        "the platform's ingest does not answer: Connection timed out",
    ),
    (
        "[tls @ 0x1] Error in the pull function.\n[tls @ 0x1] IO error: Connection reset by peer\n"
        "[rtmps @ 0x1] Cannot open connection tls://127.0.0.1:9\nrtmps://127.0.0.1:9/app/•••: Connection reset by peer",
        "no TLS connection to the platform's ingest can be established: IO error: Connection reset by peer",
    ),
]


@pytest.mark.parametrize(("text", "words"), UNREACHABLE)
def test_what_is_between_us_and_the_ingest_is_named(text: str, words: str) -> None:
    """No name, no network, nobody there, no answer, no TLS: each in its own words, and it is the network's fault."""
    error = diagnose(text.splitlines(), sending=False)
    assert error is not None
    assert (error.kind, error.fault) == ("ingest_unreachable", "network")
    assert words in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[rtmp @ 0x1] Server error: the stream key is unknown\nrtmp://127.0.0.1:9/app/•••: Operation not permitted",
            "refuses the push: the stream key is unknown",
        ),
        (
            "[rtmp @ 0x1] Cannot read RTMP handshake response\nrtmp://127.0.0.1:9/app/•••: Connection reset by peer",
            "closes the connection before it takes any video",
        ),
    ],
)
def test_an_ingest_that_does_not_take_the_push_is_named(text: str, words: str) -> None:
    """It answers, and says no, with words or without."""
    error = diagnose(text.splitlines(), sending=False)
    assert error is not None
    assert (error.kind, error.fault) == ("push_refused", "platform")
    assert words in error.message


@pytest.mark.parametrize(
    "text",
    [
        "av_interleaved_write_frame(): Broken pipe\n    Last message repeated 2 times\n"
        "Error writing trailer of rtmp://127.0.0.1:9/app/•••: Broken pipe",
        "[tls @ 0x1] Error in the push function.\n[tls @ 0x1] IO error: Connection reset by peer\n"
        "av_interleaved_write_frame(): Connection reset by peer",
    ],
)
def test_a_push_that_was_taken_and_closed_is_another_thing(text: str) -> None:
    """Whoever was sending was thrown off, over TLS too: that is how two machines of one account look."""
    error = diagnose(text.splitlines(), sending=True)
    assert error is not None
    assert error.kind == "push_closed"


@pytest.mark.parametrize("text", ["", ":99: Input/output error", "Conversion failed!", "x11grab: out of memory"])
def test_what_is_no_matter_of_the_push_is_left_alone(text: str) -> None:
    """A display that is gone, or a defect of ffmpeg, keeps its own words."""
    assert diagnose(text.splitlines(), sending=False) is None
    assert diagnose(text.splitlines(), sending=True) is None
