"""Side effects: which commands must not be repeated."""

from __future__ import annotations

import pytest

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.load.functions import describe
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


HEAD = "import httpx, subprocess\nfrom retake_flow.plugins import action\n"


def effect(body: str, around: str = "") -> str:
    """What is seen of an action with this body."""
    text = f"{HEAD}{around}\n@action(idempotency='safe')\ndef act(to: str = ''):\n    {body}\n"
    return describe("a.act", "acts:act", ("acts.py", text), Position("f.yaml", 1, 1), {}).effect


@pytest.mark.parametrize(
    ("body", "around"),
    [
        ("httpx.post('https://example.org')", ""),
        ("with httpx.Client() as client:\n        client.patch(to)", ""),
        ("httpx.request('POST', to)", ""),
        ("urllib.request.Request(to, method='POST')", ""),
        ("subprocess.run(['ffmpeg', '-i', 'a.mp4', 'rtmp://example.org/a'])", ""),
        ("subprocess.run(('curl', '-d', 'a=1', to))", ""),
        ("_tell(to)", "def _tell(to): _really(to)\ndef _really(to): httpx.post(to)"),
        ("subprocess.run(['ffmpeg', WHERE])", "WHERE = 'srt://example.org:9000'"),
    ],
)
def test_it_sends_or_streams(body: str, around: str) -> None:
    """By itself, or by what it uses of its module."""
    assert effect(body, around)


@pytest.mark.parametrize(
    ("body", "around"),
    [
        ("return httpx.get(to)", "def other(): httpx.post('https://example.org')"),
        ("'''As `curl -d`, and to rtmp://example.org.'''", ""),
        ("return {'POST': to}", ""),
        ("pass", "URL: str = 'rtmp://example.org'"),
    ],
)
def test_it_does_neither(body: str, around: str) -> None:
    """What it does not use, and words about it, do not count."""
    assert not effect(body, around)
