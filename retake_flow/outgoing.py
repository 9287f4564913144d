"""Final check on outgoing texts: they contain no secret known to this process, plain or encoded."""

from __future__ import annotations

from retake_flow.errors import SecretRefused
from retake_flow.redact import bears_secret


def require_no_secret(where: str, *texts: str) -> None:
    """Make sure that texts may leave.

    Args:
        where: Where they go, as the subject of a sentence: `the chat message`.
        texts: What people, or services of others, would read.

    Raises:
        SecretRefused: One of them bears a secret: as it is, split by blanks or signs, or encoded.
    """
    if any(map(bears_secret, texts)):
        raise SecretRefused(f"{where} bears a secret, so it was not sent")
