"""The public calls about tokens and trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from retake_flow.rehearsal.http.agent_endpoints import limit_of
from retake_flow.rehearsal.state.market import Market, Quote
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.settings import API_PATH


class MarketEndpoints:
    """The calls about tokens and trades.

    Args:
        platform: The state.
    """

    def __init__(self, platform: Platform) -> None:
        self._market = Market(platform.agents, platform.attendance.trades, platform.now)

    def routes(self) -> list[Route]:
        """All routes."""
        tokens, trades = f"{API_PATH}/tokens", f"{API_PATH}/trades"
        return [
            Route(f"{tokens}/top/", self._endpoint_sorted_by(lambda quote: quote.market_cap)),
            Route(f"{tokens}/trending/", self._endpoint_sorted_by(lambda quote: quote.growth_24h)),
            Route(f"{tokens}/{{address}}/stats", self._stats),
            Route(f"{trades}/recent/", self._recent),
            Route(f"{trades}/recent/{{token}}/", self._recent),
            Route(f"{trades}/top-volume/", self._endpoint_sorted_by(lambda quote: quote.volume_24h)),
            Route(f"{trades}/top-count/", self._endpoint_sorted_by(lambda quote: quote.trades)),
        ]

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

    async def _recent(self, request: Request) -> Response:
        token, cursor = request.path_params.get("token", ""), request.query_params.get("cursor", "")
        page, following = self._market.recent(token, limit_of(request, 50), cursor)
        return JSONResponse({"trades": [trade.as_json() for trade in page], "next_cursor": following or None})


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
