"""The HTTP side of the rehearsal: one ASGI app, for a real server and for clients in the same process."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from retake_flow.errors import NoSession, NotFound, Rejected, RetakeFlowError, Unauthorized, UsageError
from retake_flow.rehearsal.http.agent_endpoints import AgentEndpoints, Keep
from retake_flow.rehearsal.http.control import ControlEndpoints
from retake_flow.rehearsal.http.middleware import Gateway
from retake_flow.rehearsal.http.public_endpoints import PublicEndpoints
from retake_flow.rehearsal.state.platform import Platform

_STATUS: dict[type[RetakeFlowError], int] = {
    Rejected: 400,
    UsageError: 400,
    Unauthorized: 401,
    NotFound: 404,
    NoSession: 409,
}


def create_app(
    platform: Platform,
    *,
    keep: Keep = lambda name, content: "",
    dropped: Callable[[], Exception] = ConnectionAbortedError,
) -> ASGIApp:
    """The rehearsed retake.tv as an ASGI app.

    Args:
        platform: The state.
        keep: Keeps a thumbnail; by default only the platform's memory keeps it.
        dropped: Makes the exception for a fault that drops the connection. A test with `httpx.ASGITransport` passes
            one that makes an `httpx.ReadError`.
    """
    endpoints = (
        *AgentEndpoints(platform, keep).routes(),
        *PublicEndpoints(platform).routes(),
        *ControlEndpoints(platform).routes(),
    )
    inner = Starlette(routes=endpoints, exception_handlers={RetakeFlowError: _refuse, HTTPException: _http_error})
    # platform.md: trailing slashes are part of the paths.
    inner.router.redirect_slashes = False
    return Gateway(inner, platform, dropped)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RetakeFlowError)
    content = {"error": error.message}
    if isinstance(error, UsageError) and error.hint:
        content["hint"] = error.hint
    return JSONResponse(content, _STATUS.get(type(error), 500))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
