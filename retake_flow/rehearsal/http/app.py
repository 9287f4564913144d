"""The HTTP side of the rehearsal: one ASGI app; its own calls, under `/_rehearsal/`, direct it while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final, get_type_hints

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from retake_flow.errors import NoSession, NotFound, Rejected, RetakeFlowError, Unauthorized, UsageError
from retake_flow.rehearsal.http.agent_endpoints import AgentEndpoints, Keep
from retake_flow.rehearsal.http.middleware import CONTROL_PATH, Gateway
from retake_flow.rehearsal.http.public_endpoints import PublicEndpoints
from retake_flow.rehearsal.setup.faults import StreamFault, read_fault
from retake_flow.rehearsal.setup.option_fields import Fields, each, parse
from retake_flow.rehearsal.setup.options import Options, read_ingest
from retake_flow.rehearsal.setup.viewer_script import Cue, read_part
from retake_flow.rehearsal.state import report
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.platform import Platform

#: The options that may change while the rehearsal runs, besides `ingest`, and `verified` of an agent.
_CHANGEABLE: Final = ("latency", "lag", "chat_shape", "comments_without_session", "realtime", "skill_version")


class ControlEndpoints:
    """Reports of the rehearsal, and changes to it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(f"{CONTROL_PATH}/report", self._report),
            Route(f"{CONTROL_PATH}/faults", self._add_faults, methods=["POST"]),
            Route(f"{CONTROL_PATH}/faults", self._clear_faults, methods=["DELETE"]),
            Route(f"{CONTROL_PATH}/comments", self._comment, methods=["POST"]),
            Route(f"{CONTROL_PATH}/scene", self._scene, methods=["POST"]),
            Route(f"{CONTROL_PATH}/tweets", self._tweet, methods=["POST"]),
            Route(f"{CONTROL_PATH}/viewers", self._viewers, methods=["POST"]),
            Route(f"{CONTROL_PATH}/options", self._options, methods=["POST"]),
            Route(f"{CONTROL_PATH}/sockets", self._break_sockets, methods=["DELETE"]),
        ]

    async def _report(self, request: Request) -> Response:
        return JSONResponse(report.build(self._platform))

    async def _add_faults(self, request: Request) -> Response:
        value = await _json(request)
        items = each(value, "faults") if isinstance(value, list) else [Fields(value, "fault")]
        faults = [read_fault(item) for item in items]
        of_streams = [fault for fault in faults if isinstance(fault, StreamFault)]
        if of_streams:
            self._platform.direct(self._agent(None), of_streams)
        for fault in faults:
            if not isinstance(fault, StreamFault):
                self._platform.faults.add(fault)
        return JSONResponse({"pending": self._platform.faults.pending})

    async def _clear_faults(self, request: Request) -> Response:
        self._platform.faults.clear()
        return JSONResponse({"pending": 0})

    async def _break_sockets(self, request: Request) -> Response:
        self._platform.rooms.drop()
        return JSONResponse({"broken": True})

    async def _comment(self, request: Request) -> Response:
        value = await _json(request)
        wanted = value.pop("agent", None) if isinstance(value, dict) else None
        comment = self._platform.viewers.perform(self._agent(wanted), Cue.read(Fields(value, "comment")))
        return JSONResponse({"id": None if comment is None else comment.id})

    async def _viewers(self, request: Request) -> Response:
        script = [read_part(item) for item in each(await _json(request), "viewers")]
        self._platform.direct(self._agent(None), script)
        return JSONResponse({"parts": len(script)})

    async def _scene(self, request: Request) -> Response:
        fields = Fields(await _json(request), "scene")
        agent, scene = self._agent(fields.maybe_text("agent")), fields.text("scene")
        fields.end()
        self._platform.show_scene(agent, scene)
        return JSONResponse({"seen": True})

    async def _tweet(self, request: Request) -> Response:
        fields = Fields(await _json(request), "tweet")
        url, text = fields.text("url"), fields.text("text")
        fields.end()
        self._platform.verification.post(url, text)
        return JSONResponse({"posted": True})

    async def _options(self, request: Request) -> Response:
        fields, old = Fields(await _json(request), "options"), self._platform.options
        hints = get_type_hints(Options)
        agent = self._agent(fields.maybe_text("agent")) if fields.has("verified") else None
        changed = dataclasses.replace(
            old,
            ingest=read_ingest(fields, old.ingest),
            **{name: fields.of_type(name, hints[name], getattr(old, name)) for name in _CHANGEABLE},
        )
        verified = fields.flag("verified", False)
        fields.end()
        self._platform.options = changed
        if agent is not None:
            agent.verified = verified
        return JSONResponse({"changed": True})

    def _agent(self, name: object) -> Agent:
        """The agent with this name; without a name, the last agent to start a session, or the first agent."""
        platform = self._platform
        found = platform.agents.by_name(name) if isinstance(name, str) else platform.last_started()
        if found is None:
            raise NotFound("no such agent is registered")
        return found


async def _json(request: Request) -> object:
    try:
        return parse(await request.body())
    except ValueError as error:
        raise UsageError(f"the body is not JSON: {error}") from None


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
