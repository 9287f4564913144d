"""The agent's calls in platform.md, with exactly their answers and errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from retake_flow.addresses import API_PATH
from retake_flow.errors import Rejected, Unauthorized
from retake_flow.rehearsal.setup.option_fields import parse
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.chat_log import as_answer, slug
from retake_flow.rehearsal.state.platform import Platform

Keep = Callable[[str, bytes], str]
"""Keeps a file and returns its path: file name and content in, path out."""

# The parser of uploads warns of bad ones, but the client gets 400.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

_MAGIC = {b"\x89PNG\r\n\x1a\n": ("image/png", "png"), b"\xff\xd8\xff": ("image/jpeg", "jpg")}


class AgentEndpoints:
    """The agent's half of the HTTP API."""

    def __init__(self, platform: Platform, keep: Keep) -> None:
        self._platform = platform
        self._keep = keep

    def routes(self) -> list[Route]:
        """All routes, under the base path of the API."""
        calls = {
            "POST /register": self._register,
            "GET /verification-status": self._verification_status,
            "POST /prepare-verify": self._prepare_verify,
            "POST /verify": self._verify,
            "POST /rtmp": self._rtmp,
            "POST /stream/start": self._start,
            "GET /stream/status": self._status,
            "POST /update-thumbnail": self._update_thumbnail,
            "POST /stream/stop": self._stop,
            "POST /stream/chat/send": self._send,
            "GET /stream/comments": self._comments,
        }
        routes = []
        for call, endpoint in calls.items():
            method, path = call.split(" ")
            routes.append(Route(f"{API_PATH}/agent{path}", endpoint, methods=[method]))
        return routes

    async def _register(self, request: Request) -> Response:
        agent = self._platform.agents.register(await body(request), self._platform.options)
        return JSONResponse(
            {
                "access_token": agent.token.reveal(),
                "agent_id": agent.agent_id,
                "userDbId": agent.user_id,
                "wallet_address": agent.profile.wallet_address,
                "token_address": "",
                "token_ticker": "",
            }
        )

    async def _verification_status(self, request: Request) -> Response:
        return JSONResponse({"verified": self._agent(request).verified})

    async def _prepare_verify(self, request: Request) -> Response:
        message = self._platform.verification.prepare(self._agent(request))
        return JSONResponse({"verification_message": message})

    async def _verify(self, request: Request) -> Response:
        agent = self._agent(request)
        self._platform.verify(agent, text(await body(request), "tweet_url"))
        return JSONResponse({"verified": True})

    async def _rtmp(self, request: Request) -> Response:
        agent = self._agent(request)
        await body(request)
        key = self._platform.issue_key(agent)
        return JSONResponse({"url": self._platform.push_address, "key": key.value.reveal()})

    async def _start(self, request: Request) -> Response:
        agent = self._agent(request)
        await body(request)
        self._platform.start(agent)
        token = {
            "name": agent.name,
            "ticker": agent.profile.ticker,
            "imageUrl": agent.profile.image_url,
            "tokenAddress": agent.token_address,
            "tokenType": "agent",
        }
        return JSONResponse({"success": True, "token": token if agent.token_address else None})

    async def _status(self, request: Request) -> Response:
        agent = self._agent(request)
        live = self._platform.poll_status(agent)
        since = agent.session.live_at if live and agent.session is not None else None
        return JSONResponse(
            {
                "is_live": live,
                "viewers": len(agent.audience) if live else 0,
                "uptime_seconds": 0 if since is None else int(self._platform.now() - since),
                "token_address": agent.token_address,
                "userDbId": agent.user_id,
            }
        )

    async def _update_thumbnail(self, request: Request) -> Response:
        agent = self._agent(request)
        image = await _upload(request, "image")
        kinds = [kind for magic, kind in _MAGIC.items() if image.startswith(magic)]
        if not kinds:
            raise Rejected("image must be a JPEG or PNG")
        media_type, suffix = kinds[0]
        number = len(agent.thumbnails) + 1
        path = self._keep(f"thumbnails/{slug(agent.name) or 'agent'}-{number:03}.{suffix}", image)
        self._platform.set_thumbnail(agent, image, media_type, path)
        address = f"{request.base_url}thumbnails/{agent.user_id}"
        return JSONResponse({"message": "Thumbnail updated", "thumbnail_url": address})

    async def _stop(self, request: Request) -> Response:
        agent = self._agent(request)
        await body(request)
        session = self._platform.stop(agent)
        duration = int(self._platform.now() - session.started_at)
        return JSONResponse({"status": "stopped", "duration_seconds": duration, "viewers": session.viewers})

    async def _send(self, request: Request) -> Response:
        agent = self._agent(request)
        form = await body(request)
        comment = self._platform.say(agent, text(form, "destination_user_id"), text(form, "message"))
        ids = {"message_id": comment.id} if self._platform.options.message_ids else {}
        return JSONResponse({"success": True, **ids})

    async def _comments(self, request: Request) -> Response:
        self._agent(request)
        query = request.query_params
        user_id = query.get("userDbId")
        if not user_id:
            raise Rejected("userDbId is required")
        page = self._platform.comments(user_id, limit_of(request, 50), query.get("beforeId") or None)
        options = self._platform.options
        return JSONResponse(as_answer(page, options.chat_shape, options.chat_names))

    def _agent(self, request: Request) -> Agent:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        agent = self._platform.agents.by_token(token) if scheme == "Bearer" else None
        if agent is None:
            raise Unauthorized("Unauthorized")
        return agent


async def body(request: Request) -> dict[str, Any]:
    """The request's JSON object; a missing body counts as an empty object.

    Raises:
        Rejected: The body is anything else.
    """
    content = await request.body()
    try:
        value = parse(content) if content.strip() else {}
    except ValueError as error:
        raise Rejected(f"Invalid JSON: {error}") from None
    if not isinstance(value, dict):
        raise Rejected("The body must be a JSON object")
    return value


def text(form: dict[str, Any], name: str) -> str:
    """A required field with a text that is not empty.

    Raises:
        Rejected: The field is anything else.
    """
    value = form.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Rejected(f"{name} is required")
    return value


def limit_of(request: Request, default: int) -> int:
    """The requested length of a list, at most a hundred.

    Raises:
        Rejected: The request does not give a number above 0.
    """
    limit = request.query_params.get("limit", str(default))
    if not (limit.isdecimal() and len(limit) < 10 and int(limit)):
        raise Rejected("limit must be a number from 1 to 100")
    return min(100, int(limit))


async def _upload(request: Request, field: str) -> bytes:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Rejected(f"The body must be multipart/form-data with a field {field}")
    async with request.form() as form:
        upload = form.get(field)
        if upload is None or isinstance(upload, str):
            raise Rejected(f"{field} is required")
        return await upload.read()
