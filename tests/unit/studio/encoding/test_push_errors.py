"""What ffmpeg's last lines tell of a push: each text is what ffmpeg 5.1 wrote when that was tried."""

from __future__ import annotations

import pytest

from retake_flow.studio.encoding.push_errors import diagnose

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
        "nobody listens where the platform's ingest is to be: Connection refused",
    ),
    (
        "[tcp @ 0x1] Connection to tcp://10.1.1.1:1935?tcp_nodelay=0 failed: Network is unreachable\n"
        "[rtmp @ 0x1] Cannot open connection tcp://10.1.1.1:1935?tcp_nodelay=0",
        "no network leads to the platform's ingest: Network is unreachable",
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
