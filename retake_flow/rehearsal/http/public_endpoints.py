"""The public calls: the skill files, users and thumbnails, streams and their chats, tokens and trades."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from retake_flow.addresses import API_PATH
from retake_flow.errors import NotFound, Rejected
from retake_flow.rehearsal.http.agent_endpoints import limit_of
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.chat_log import as_answer
from retake_flow.rehearsal.state.market import Market, Quote
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.rehearsal.state.streams import Session
from retake_flow.run.records import timestamp

_NEWEST = 20
_SHOWN = 50  # messages of chat on a page
_MOST_TIPPERS = 20


class PublicEndpoints:
    """The calls without a token."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._market = Market(platform.agents, platform.viewers.trades, platform.now)

    def routes(self) -> list[Route]:
        """All routes; the page of an agent is the last, since any name leads to it."""
        calls = {
            "users/live/": self._live,
            "users/newest/": self._newest,
            "users/metadata/{user_id}": self._metadata,
            "users/search/{query}": self._search,
            "users/streamer/{name_or_id}": self._streamer,
            "chat/": self._chat,
            "chat/top-tippers": self._top_tippers,
            "sessions/active/": self._active,
            "sessions/active/{streamer_id}/": self._active,
            "sessions/recorded/": self._recorded_sessions,
            "sessions/recorded/{streamer_id}/": self._recorded_sessions,
            "sessions/scheduled/": self._scheduled_sessions,
            "sessions/scheduled/{streamer_id}/": self._scheduled_sessions,
            "tokens/top/": self._endpoint_sorted_by(lambda quote: quote.market_cap),
            "tokens/trending/": self._endpoint_sorted_by(lambda quote: quote.growth_24h),
            "tokens/{address}/stats": self._stats,
            "trades/recent/": self._recent_trades,
            "trades/recent/{token}/": self._recent_trades,
            "trades/top-volume/": self._endpoint_sorted_by(lambda quote: quote.volume_24h),
            "trades/top-count/": self._endpoint_sorted_by(lambda quote: quote.trades),
        }
        return [
            Route("/skill.json", self._skill_json),
            Route("/skill.md", self._skill_md),
            Route("/thumbnails/{user_id}", self._thumbnail),
            *(Route(f"{API_PATH}/{path}", endpoint) for path, endpoint in calls.items()),
            Route("/{agent_name}", self._page),
        ]

    async def _skill_json(self, request: Request) -> Response:
        return JSONResponse({"name": "retake.tv", "version": self._platform.options.skill_version})

    async def _skill_md(self, request: Request) -> Response:
        version = self._platform.options.skill_version
        return PlainTextResponse(
            f"# retake.tv — Livestreaming for AI Agents\n\nCurrent version: **{version}**.\n\n"
            "This is the rehearsal on your own machine; the guide itself is at https://retake.tv/skill.md.\n",
            media_type="text/markdown",
        )

    async def _thumbnail(self, request: Request) -> Response:
        agent = self._platform.agents.by_id(request.path_params["user_id"])
        if not agent.image:
            raise NotFound("No thumbnail")
        return Response(agent.image, media_type=agent.thumbnails[-1].media_type)

    async def _page(self, request: Request) -> Response:
        agent = self._platform.agents.by_name(request.path_params["agent_name"])
        if agent is None:
            raise NotFound("Nobody has this name")
        live = self._is_live(agent)
        state = f"live, {len(agent.audience)} watching" if live else "not live"
        picture = f'<p><img src="/thumbnails/{agent.user_id}" alt="The newest thumbnail" width="640"></p>'
        chat = "".join(
            f"<li>{escape(each.author.name)}: {escape(each.text)}</li>" for each in agent.chat.comments[-_SHOWN:]
        )
        name = escape(agent.name)
        return HTMLResponse(
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{name} on a rehearsed retake.tv</title>'
            f"</head><body><h1>{name}</h1><p>{state}</p>{picture if agent.image else ''}<ul>{chat}</ul></body></html>"
        )

    async def _live(self, request: Request) -> Response:
        early = self._platform.options.live_users == "start"
        agents = [agent for agent in self._platform.agents if self._is_live(agent) or (early and agent.session)]
        return JSONResponse([self._user(agent) for agent in agents])

    async def _search(self, request: Request) -> Response:
        query = request.path_params["query"].lower()
        found = [self._user(agent) for agent in self._platform.agents if query in agent.name.lower()]
        return JSONResponse({"users": found} if self._platform.options.search_shape == "users" else found)

    async def _newest(self, request: Request) -> Response:
        newest = list(self._platform.agents)[::-1][:_NEWEST]
        return JSONResponse([self._user(agent) for agent in newest])

    async def _metadata(self, request: Request) -> Response:
        agent = self._platform.agents.by_id(request.path_params["user_id"])
        profile = {"bio": agent.profile.description, "followers": len(agent.followers), "social_links": []}
        return JSONResponse({**self._user(agent), **profile})

    async def _streamer(self, request: Request) -> Response:
        wanted = request.path_params["name_or_id"]
        agent = self._platform.agents.by_name(wanted) or self._platform.agents.by_id(wanted)
        return JSONResponse({"streamer_id": agent.user_id, **self._user(agent)})

    async def _active(self, request: Request) -> Response:
        active = [(agent, agent.session) for agent in self._requested_agents(request)]
        return self._sessions([_session(request, agent, at) for agent, at in active if at is not None])

    async def _recorded_sessions(self, request: Request) -> Response:
        ended = [
            (agent, session)
            for agent in self._requested_agents(request)
            for session in agent.sessions
            if session.ended_at is not None and session.live_at is not None
        ]
        ended.sort(key=lambda each: each[1].started_at, reverse=True)
        return self._sessions([_session(request, agent, session) for agent, session in ended])

    async def _scheduled_sessions(self, request: Request) -> Response:
        now = self._platform.now()
        announced = [
            {
                "session_id": f"scheduled_{agent.user_id}_{number}",
                "streamer_id": agent.user_id,
                "streamer_username": agent.name,
                "title": title,
                "status": "scheduled",
                "scheduled_at": timestamp(at),
            }
            for agent in self._requested_agents(request)
            for number, (title, at) in enumerate(agent.scheduled)
            if at > now
        ]
        return self._sessions(announced)

    def _sessions(self, entries: list[dict[str, Any]]) -> Response:
        """Sessions in the shape of the options; the platform is known to use both."""
        return JSONResponse(entries if self._platform.options.session_shape == "list" else {"sessions": entries})

    async def _chat(self, request: Request) -> Response:
        chat = self._requested_streamer(request).chat
        before = request.query_params.get("before_chat_event_id") or None
        shape = self._platform.options.chat_shape
        return JSONResponse(
            as_answer(chat.page(limit_of(request, 50), before, shape), shape, self._platform.options.chat_names)
        )

    async def _top_tippers(self, request: Request) -> Response:
        tips = sorted(self._requested_streamer(request).tips.values(), key=lambda tip: tip.total, reverse=True)
        tippers = [
            {
                "user_id": tip.tipper.user_id,
                "username": tip.tipper.name,
                "total_amount": tip.total,
                "tip_count": tip.count,
            }
            for tip in tips[:_MOST_TIPPERS]
        ]
        return JSONResponse({"tippers": tippers})

    def _requested_agents(self, request: Request) -> Iterable[Agent]:
        wanted = request.path_params.get("streamer_id")
        return self._platform.agents if wanted is None else [self._platform.agents.by_id(wanted)]

    def _requested_streamer(self, request: Request) -> Agent:
        wanted = request.query_params.get("streamer_id")
        if not wanted:
            raise Rejected("streamer_id is required")
        return self._platform.agents.by_id(wanted)

    def _endpoint_sorted_by(self, worth: Callable[[Quote], float]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            limit = limit_of(request, 20)
            best = sorted(self._market.quotes(), key=worth, reverse=True)[:limit]
            return JSONResponse({"tokens": [_quote_as_json(quote) for quote in best]})

        return answer

    async def _stats(self, request: Request) -> Response:
        quote = self._market.quote(request.path_params["address"])
        return JSONResponse(
            {
                "token_address": quote.agent.token_address,
                "ticker": quote.agent.profile.ticker,
                "current_price": quote.price,
                "current_market_cap": quote.market_cap,
                "all_time_high": quote.all_time_high,
                "growth": {"1h": quote.growth_1h, "6h": quote.growth_6h, "24h": quote.growth_24h},
                "volume": {"24h": quote.volume_24h, "total": quote.volume},
                "holders": quote.holders,
            }
        )

    async def _recent_trades(self, request: Request) -> Response:
        token, cursor = request.path_params.get("token", ""), request.query_params.get("cursor", "")
        page, following = self._market.recent_trades(token, limit_of(request, 50), cursor)
        return JSONResponse({"trades": [trade.as_json() for trade in page], "next_cursor": following or None})

    def _user(self, agent: Agent) -> dict[str, Any]:
        return {
            "user_id": agent.user_id,
            "username": agent.name,
            "wallet_address": agent.profile.wallet_address,
            "image_url": agent.profile.image_url,
            "ticker": agent.profile.ticker,
            "token_address": agent.token_address,
            "is_live": self._is_live(agent),
            "viewers": len(agent.audience) if self._is_live(agent) else 0,
        }

    def _is_live(self, agent: Agent) -> bool:
        return self._platform.shows_live(agent)


def _session(request: Request, agent: Agent, session: Session) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "streamer_id": agent.user_id,
        "streamer_username": agent.name,
        "title": session.title or f"{agent.name} live",
        "status": "active" if session.ended_at is None else "ended",
        "viewers": len(agent.audience) if session.ended_at is None else session.viewers,
        "started_at": timestamp(session.started_at),
        "ended_at": None if session.ended_at is None else timestamp(session.ended_at),
        "thumbnail_url": f"{request.base_url}thumbnails/{agent.user_id}" if agent.image else None,
    }


def _quote_as_json(quote: Quote) -> dict[str, Any]:
    agent = quote.agent
    return {
        "token_address": agent.token_address,
        "name": agent.name,
        "ticker": agent.profile.ticker,
        "user_id": agent.user_id,
        "username": agent.name,
        "current_market_cap": quote.market_cap,
        "growth": {"24h": quote.growth_24h},
        "volume": quote.volume_24h,
        "trade_count": quote.trades,
    }
