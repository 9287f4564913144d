"""Access to a rehearsal: programs on this machine may use it, web pages in a local browser may not."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from retake_flow.settings import is_loopback

_HINT: Final = "a rehearsal answers programs of its own machine; call it by the address that it told"


class OnlyLocal:
    """An ASGI app that refuses requests for another host, or from a page of another host.

    A page whose name suddenly resolves to this machine (DNS rebinding) sends its own name as `Host`. A page that
    posts across origins sends its own as `Origin`.

    Args:
        app: Gets all other requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket."""
        app = self._app if scope["type"] == "lifespan" or _is_local(Headers(scope=scope)) else _refuse
        await app(scope, receive, send)


def _is_local(headers: Headers) -> bool:
    hosts = [f"//{host}" for host in headers.getlist("host")]
    return len(hosts) == 1 and all(map(_leads_here, (*hosts, *headers.getlist("origin"))))


def _leads_here(address: str) -> bool:
    try:
        return is_loopback(urlsplit(address).hostname)
    except ValueError:
        return False


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    refusal = JSONResponse({"error": "this host or origin is not of this machine", "hint": _HINT}, 403)
    await refusal(scope, receive, send)
