"""The public calls about the skill files, thumbnails and users."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from retake_flow.errors import NotFound
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.settings import API_PATH

_NEWEST = 20
_SHOWN = 50  # messages of chat on a page


class PublicEndpoints:
    """The calls without a token.

    Args:
        platform: The state.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/skill.json", self._skill_json),
            Route("/skill.md", self._skill_md),
            Route("/thumbnails/{user_id}", self._thumbnail),
            Route(f"{API_PATH}/users/live/", self._live),
            Route(f"{API_PATH}/users/newest/", self._newest),
            Route(f"{API_PATH}/users/metadata/{{user_id}}", self._metadata),
            Route(f"{API_PATH}/users/search/{{query}}", self._search),
            Route(f"{API_PATH}/users/streamer/{{name_or_id}}", self._streamer),
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
        """A stream's page in a viewer's browser, as far as a rehearsal has it."""
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
        told = {"bio": agent.profile.description, "followers": len(agent.followers), "social_links": []}
        return JSONResponse({**self._user(agent), **told})

    async def _streamer(self, request: Request) -> Response:
        wanted = request.path_params["name_or_id"]
        agent = self._platform.agents.by_name(wanted) or self._platform.agents.by_id(wanted)
        return JSONResponse({"streamer_id": agent.user_id, **self._user(agent)})

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
