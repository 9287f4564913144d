"""Streamable HTTP on loopback, for those who have the token."""

from __future__ import annotations

import hmac
import secrets
import socket
import sys

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from retake_flow.errors import UsageError
from retake_flow.mcp_server.server import server
from retake_flow.settings import mcp_token

_HOST = "127.0.0.1"


def serve(port: int) -> None:
    """Serve until Ctrl-C.

    Args:
        port: The port; 0 for any.

    Raises:
        UsageError: The port cannot be used.
        SettingsError: The token in the settings can be guessed.
    """
    token = mcp_token() or secrets.token_urlsafe(32)
    try:
        listening = socket.create_server((_HOST, port))
    except OSError as error:
        raise UsageError(f"port {port} cannot be used: {error.strerror}", hint="`--http 0` takes a free one") from None
    address = f"{_HOST}:{listening.getsockname()[1]}"
    allowed = TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=[address])
    app = server.streamable_http_app(host=_HOST, transport_security=allowed)
    sys.stderr.write(f"http://{address}/mcp\nAuthorization: Bearer {token}\n")
    sys.stderr.flush()
    uvicorn.Server(uvicorn.Config(_Guarded(app, token), log_level="warning")).run(sockets=[listening])


class _Guarded:
    """Lets in only requests that bear the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it with 401."""
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 401, "headers": [(b"www-authenticate", b"Bearer")]})
        await send({"type": "http.response.body", "body": b""})
