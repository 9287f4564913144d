"""Origins, to which a token is bound."""

from __future__ import annotations

from urllib.parse import urlsplit

from retake_flow.errors import CredentialsError
from retake_flow.redact import scrub

_DEFAULT_PORTS = {"https": 443, "http": 80}


def normalize(url: str) -> str:
    """The origin in one spelling (`https://retake.tv`), so that two can be compared.

    Raises:
        CredentialsError: The URL is not an http(s) origin, or has a path, a user or a query.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not bare:
        raise CredentialsError(
            f"{scrub(url)!r} is not an origin that could issue a token", hint="an origin looks like https://retake.tv"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"
