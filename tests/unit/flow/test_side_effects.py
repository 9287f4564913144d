"""Side effects: which commands must not be repeated."""

from __future__ import annotations

import pytest

from retake_flow.flow.side_effects import is_platform, of_inputs


@pytest.mark.parametrize(
    "command",
    [
        ["ffmpeg", "-i", "a.mp4", "-f", "flv", "rtmps://example.org/app/key"],
        ["sh", "-c", "ffmpeg -i a.mp4 srt://example.org:9000"],
        ["curl", "-X", "POST", "https://example.org"],
        ["curl", "-XPATCH", "https://example.org"],
        ["/usr/bin/curl", "-sSd", "a=1", "https://example.org"],
        ["sh", "-c", "true && curl --json '{}' https://example.org"],
        ["wget", "--post-data=a", "https://example.org"],
        ["http", "POST", "example.org"],
        ["retake-flow", "run", "go-live.yaml"],
        ["retake-flow", "--quiet", "say", "hello"],
    ],
)
def test_what_sends_or_streams_is_seen(command: list[str]) -> None:
    """In arguments and in words for a shell."""
    assert of_inputs(command)


@pytest.mark.parametrize(
    "command",
    [
        ["./health.sh", "--quick", "-d"],
        ["curl", "-fsSL", "https://example.org/post"],
        ["curl", "-G", "-d", "a=1", "https://example.org"],
        ["git", "push"],
        ["retake-flow", "check", "flow.yaml"],
        ["echo", "https://example.org POST"],
    ],
)
def test_what_only_reads_is_not(command: list[str]) -> None:
    """Nor what can be done twice, like `git push`."""
    assert not of_inputs(command)


def test_which_addresses_are_the_platforms() -> None:
    """Not those that only look like it."""
    tried = (
        "https://retake.tv/api/v1/agent/rtmp",
        "https://www.retake.tv",
        "https://retake.tv.example.org/",
        "https://a/retake.tv",
    )
    assert [is_platform(url) for url in tried] == [True, True, False, False]
