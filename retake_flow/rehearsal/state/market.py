"""Quotes of the tokens of a rehearsed platform, from their given figures and the trades."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from retake_flow.errors import NotFound
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.viewer_actions import Trade

DAY = 86_400.0
_SUPPLY = 1_000_000_000
# USD. The price of a token without given figures.
_FIRST_MARKET_CAP = 5_000.0


@dataclass(frozen=True, slots=True)
class Quote:
    """The quote of one token. Money is in USD, growth in percent."""

    agent: Agent
    price: float
    market_cap: float
    all_time_high: float
    growth_1h: float
    growth_6h: float
    growth_24h: float
    volume_24h: float
    volume: float
    trades: int
    holders: int


class Market:
    """Quotes the agents' tokens."""

    def __init__(self, agents: Iterable[Agent], trades: Sequence[Trade], now: Callable[[], float]) -> None:
        self._agents = agents
        self._trades = trades
        self._now = now

    def quotes(self) -> list[Quote]:
        """All tokens."""
        return [self._quote(agent) for agent in self._agents if agent.token_address]

    def quote(self, address: str) -> Quote:
        """One token.

        Raises:
            NotFound: There is no token at this address.
        """
        for agent in self._agents:
            if agent.token_address == address and address:
                return self._quote(agent)
        raise NotFound("Token not found")

    def recent_trades(self, token: str, limit: int, cursor: str) -> tuple[list[Trade], str]:
        """The newest trades of a token, or of all if it is empty, and the cursor of the next page.

        Raises:
            NotFound: The cursor is unknown.
        """
        found = [trade for trade in reversed(self._trades) if not token or trade.token_address == token]
        start = 0
        if cursor:
            start = 1 + next((index for index, trade in enumerate(found) if trade.id == cursor), -2)
            if start < 0:
                raise NotFound("Cursor not found")
        page = found[start : start + limit]
        return page, page[-1].id if start + limit < len(found) else ""

    def _quote(self, agent: Agent) -> Quote:
        now, given = self._now(), agent.stats
        own = [trade for trade in self._trades if trade.token_address == agent.token_address]
        first = given.get("market_cap", _FIRST_MARKET_CAP)
        cap = max(0.0, first + sum(_signed_amount(trade) for trade in own))
        lately = [trade for trade in own if now - trade.at < DAY]
        grown = 100 * (cap - first) / first if first else 0.0
        volume = sum(trade.amount for trade in own)
        return Quote(
            agent=agent,
            price=given["price"] * (cap / first) if "price" in given and first else cap / _SUPPLY,
            market_cap=cap,
            all_time_high=max(given.get("all_time_high", first), cap),
            growth_1h=given.get("growth_1h", 0.0) + grown,
            growth_6h=given.get("growth_6h", 0.0) + grown,
            growth_24h=given.get("growth_24h", 0.0) + grown,
            volume_24h=given.get("volume", 0.0) + sum(trade.amount for trade in lately),
            volume=given.get("volume", 0.0) + volume,
            trades=len(lately),
            holders=int(given.get("holders", 0)) + len({trade.trader.user_id for trade in own if trade.side == "buy"}),
        )


def _signed_amount(trade: Trade) -> float:
    return trade.amount if trade.side == "buy" else -trade.amount
