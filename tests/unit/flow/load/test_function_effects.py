"""Function effects: what the source of a function shows that must not happen twice."""

from __future__ import annotations

import pytest

from retake_flow.flow.load.python_action import describe

HEAD = "import httpx, subprocess\nfrom retake_flow.plugins import action\n"


def effect(body: str, around: str = "") -> str:
    """What is seen of an action with this body."""
    text = f"{HEAD}{around}\n@action(idempotency='safe')\ndef act(to: str = ''):\n    {body}\n"
    return describe(text, "acts.py", "act").effect


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
