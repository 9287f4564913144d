"""Environment secrets: keys of responders, read from the variables that a flow names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from retake_flow.errors import ResponderMissing
from retake_flow.redact import TOKEN_PREFIX, Secret


def variable(
    environment: Mapping[str, str], name: str, *, header: bool = True, purpose: str = "to answer chat"
) -> Secret:
    """The value of an environment variable that a responder or a request needs.

    `purpose` says in messages what it is needed for.

    Raises:
        ResponderMissing: It is not set, cannot be sent, or holds an access token of retake.tv.
    """
    value = environment.get(name, "").strip()
    if not value:
        raise ResponderMissing(f"the variable {name}, needed {purpose}, is not set", hint=f"export {name}=…")
    secret = Secret(value)
    if TOKEN_PREFIX in value:
        raise ResponderMissing(
            f"the variable {name} holds an access token of retake.tv, which goes to retake.tv only",
            hint="give the responder a key of its own",
        )
    if header and not (value.isascii() and value.isprintable()):
        raise ResponderMissing(f"the variable {name} holds characters that no header can have")
    return secret


def signing_key(environment: Mapping[str, str], name: str, *, purpose: str = "to answer chat") -> bytes:
    """The key in a variable: base64, with or without a leading `whsec_`.

    Raises:
        ResponderMissing: There is none, or it is not such a key.
    """
    text = variable(environment, name, purpose=purpose).reveal().removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < 16:
        raise ResponderMissing(
            f"the variable {name} holds no key to sign with: `whsec_` and at least 16 bytes in base64",
            hint=f'make one with: export {name}="whsec_$(openssl rand -base64 32)"',
        )
    return key


def signature(key: bytes, body: bytes, number: str, now: float) -> dict[str, str]:
    """Headers with a request's id, its time and, if there is a key, a signature (https://www.standardwebhooks.com).

    Args:
        key: The key; none if it is empty.
        body: The body of the request.
        number: The id, the same for every try.
        now: Seconds since the epoch.
    """
    made = {"webhook-id": number, "webhook-timestamp": str(int(now))}
    if key:
        content = b".".join((*(value.encode() for value in made.values()), body))
        digest = hmac.new(key, content, hashlib.sha256).digest()
        made["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return made
