"""Push errors: finds from ffmpeg's last lines what fails between this machine and the platform's ingest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from retake_flow.errors import IngestUnreachable, PushClosed, PushRefused, StudioError

#: Signs that no connection can be made, with the message and a hint for the operator; the first match counts.
_UNREACHABLE: Final = (
    (
        r"Failed to resolve hostname (?P<why>.+)",
        "the name of the platform's ingest cannot be resolved",
        "see whether this machine can resolve names",
    ),
    (
        r"(?P<why>Network is unreachable|No route to host|Network is down)",
        "no network leads to the platform's ingest",
        "see whether this machine is online",
    ),
    (
        r"(?P<why>Connection refused)",
        "nobody listens where the platform's ingest is to be",
        "a firewall or the ingest itself turns connections away",
    ),
    (
        r"(?P<why>(?:Connection|Operation) timed out)",
        "the platform's ingest does not answer",
        "see whether a firewall lets RTMP out (ports 1935 and 443)",
    ),
)
_CLOSED: Final = r"Broken pipe|Connection reset by peer|End of file|handshake response"
_TLS: Final = r"(?s).*\[tls @ \S+\] (?P<why>[^\n]+)"  # the last of them says most
_REFUSED: Final = r"Server error: (?P<why>.+)"


def diagnose(lines: Sequence[str], *, sending: bool) -> StudioError | None:
    """The error in the last lines of an ffmpeg that ended by itself; None when its push is not the cause.

    Args:
        lines: The last lines that it wrote.
        sending: Whether the ingest had accepted the push.
    """
    text = "\n".join(lines)
    for pattern, words, hint in _UNREACHABLE:
        if found := re.search(pattern, text):
            return IngestUnreachable(f"{words}: {found['why']}", hint=hint)
    closed = re.search(_CLOSED, text)
    if closed and sending:
        return PushClosed(f"the platform's ingest has closed the push: {closed[0]}")
    if found := re.search(_TLS, text):
        hint = "see whether a proxy stands between, and whether this machine's clock is right"
        return IngestUnreachable(
            f"no TLS connection to the platform's ingest can be established: {found['why']}", hint=hint
        )
    if found := re.search(_REFUSED, text):
        return PushRefused(f"the platform's ingest refuses the push: {found['why']}")
    if closed:
        return PushRefused("the platform's ingest closes the connection before it takes any video")
    return None
