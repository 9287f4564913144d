"""The public calls about streams and their chats."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from retake_flow.errors import Rejected
from retake_flow.rehearsal.http.agent_endpoints import limit_of
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.chat_log import as_answer
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.rehearsal.state.streams import Session
from retake_flow.settings import API_PATH

_MOST_TIPPERS = 20


class StreamEndpoints:
    """The calls about sessions and chats.

    Args:
        platform: The state.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """All routes."""
        kinds = {"active": self._active, "recorded": self._recorded, "scheduled": self._scheduled}
        routes = [
            Route(f"{API_PATH}/chat/", self._chat),
            Route(f"{API_PATH}/chat/top-tippers", self._top_tippers),
        ]
        for name, endpoint in kinds.items():
            routes.append(Route(f"{API_PATH}/sessions/{name}/", endpoint))
            routes.append(Route(f"{API_PATH}/sessions/{name}/{{streamer_id}}/", endpoint))
        return routes

    async def _active(self, request: Request) -> Response:
        active = [(agent, agent.session) for agent in self._requested_agent(request)]
        return self._sessions([_session(request, agent, at) for agent, at in active if at is not None])

    async def _recorded(self, request: Request) -> Response:
        ended = [
            (agent, session)
            for agent in self._requested_agent(request)
            for session in agent.sessions
            if session.ended_at is not None and session.live_at is not None
        ]
        ended.sort(key=lambda each: each[1].started_at, reverse=True)
        return self._sessions([_session(request, agent, session) for agent, session in ended])

    async def _scheduled(self, request: Request) -> Response:
        now = self._platform.now()
        announced = [
            {
                "session_id": f"scheduled_{agent.user_id}_{number}",
                "streamer_id": agent.user_id,
                "streamer_username": agent.name,
                "title": title,
                "status": "scheduled",
                "scheduled_at": _moment(at),
            }
            for agent in self._requested_agent(request)
            for number, (title, at) in enumerate(agent.scheduled)
            if at > now
        ]
        return self._sessions(announced)

    def _sessions(self, told: list[dict[str, Any]]) -> Response:
        """Sessions in the shape of the options; the platform is known to use both."""
        return JSONResponse(told if self._platform.options.session_shape == "list" else {"sessions": told})

    async def _chat(self, request: Request) -> Response:
        chat = self._streamer(request).chat
        before = request.query_params.get("before_chat_event_id") or None
        shape = self._platform.options.chat_shape
        return JSONResponse(
            as_answer(chat.page(limit_of(request, 50), before, shape), shape, self._platform.options.chat_names)
        )

    async def _top_tippers(self, request: Request) -> Response:
        tips = sorted(self._streamer(request).tips.values(), key=lambda tip: tip.total, reverse=True)
        told = [
            {
                "user_id": tip.tipper.user_id,
                "username": tip.tipper.name,
                "total_amount": tip.total,
                "tip_count": tip.count,
            }
            for tip in tips[:_MOST_TIPPERS]
        ]
        return JSONResponse({"tippers": told})

    def _requested_agent(self, request: Request) -> Iterable[Agent]:
        wanted = request.path_params.get("streamer_id")
        return self._platform.agents if wanted is None else [self._platform.agents.by_id(wanted)]

    def _streamer(self, request: Request) -> Agent:
        wanted = request.query_params.get("streamer_id")
        if not wanted:
            raise Rejected("streamer_id is required")
        return self._platform.agents.by_id(wanted)


def _session(request: Request, agent: Agent, session: Session) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "streamer_id": agent.user_id,
        "streamer_username": agent.name,
        "title": session.title or f"{agent.name} live",
        "status": "active" if session.ended_at is None else "ended",
        "viewers": len(agent.audience) if session.ended_at is None else session.viewers,
        "started_at": _moment(session.started_at),
        "ended_at": None if session.ended_at is None else _moment(session.ended_at),
        "thumbnail_url": f"{request.base_url}thumbnails/{agent.user_id}" if agent.image else None,
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
