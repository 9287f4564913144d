"""Push errors: finds from ffmpeg's last lines what fails between this machine and the platform's ingest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from retake_flow.errors import IngestUnreachable, PushClosed, PushRefused, StudioError

#: Signs that no connection can be made, with the message and a hint for the operator; the first match counts.
_UNREACHABLE: Final = (
    (
        re.compile(r"Failed to resolve hostname (?P<why>.+)"),
        "the name of the platform's ingest cannot be resolved",
        "see whether this machine can resolve names",
    ),
    (
        re.compile(r"(?P<why>Network is unreachable|No route to host|Network is down)"),
        "no network leads to the platform's ingest",
        "see whether this machine is online",
    ),
    (
        re.compile(r"(?P<why>Connection refused)"),
        "nobody listens where the platform's ingest is to be",
        "a firewall or the ingest itself turns connections away",
    ),
    (
        re.compile(r"(?P<why>(?:Connection|Operation) timed out)"),
        "the platform's ingest does not answer",
        "see whether a firewall lets RTMP out (ports 1935 and 443)",
    ),
)
_CLOSED: Final = re.compile(r"Broken pipe|Connection reset by peer|End of file|handshake response")
_TLS: Final = re.compile(r".*\[tls @ \S+\] (?P<why>[^\n]+)", re.DOTALL)  # the last of them says most
_REFUSED: Final = re.compile(r"Server error: (?P<why>.+)")


def diagnose(lines: Sequence[str], *, sending: bool) -> StudioError | None:
    """The error in the last lines of an ffmpeg that ended by itself; None when its push is not the cause.

    Args:
        lines: The last lines that it wrote.
        sending: Whether the ingest had accepted the push.
    """
    text = "\n".join(lines)
    for pattern, words, hint in _UNREACHABLE:
        if found := pattern.search(text):
            return IngestUnreachable(f"{words}: {found['why']}", hint=hint)
    closed = _CLOSED.search(text)
    if closed and sending:
        return PushClosed(f"the platform's ingest has closed the push: {closed[0]}")
    if found := _TLS.search(text):
        hint = "see whether a proxy stands between, and whether this machine's clock is right"
        return IngestUnreachable(f"no TLS connection to the platform's ingest comes about: {found['why']}", hint=hint)
    if found := _REFUSED.search(text):
        return PushRefused(f"the platform's ingest refuses the push: {found['why']}")
    if closed:
        return PushRefused("the platform's ingest closes the connection before it takes any video")
    return None
