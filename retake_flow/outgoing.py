"""Final check on outgoing texts: they contain no secret known to this process, plain or encoded."""

from __future__ import annotations

from retake_flow.errors import SecretRefused
from retake_flow.redact import bears_secret


def require_no_secret(where: str, *texts: str) -> None:
    """Require that texts contain no secret.

    Args:
        where: Their destination, as the subject of a sentence: `the chat message`.
        texts: The texts that people or external services would read.

    Raises:
        SecretRefused: One of them contains a secret: as it is, split by blanks or punctuation, or encoded.
    """
    if any(map(bears_secret, texts)):
        raise SecretRefused(f"{where} contains a secret, so it was not sent")
