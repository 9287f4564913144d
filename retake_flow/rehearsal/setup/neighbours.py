"""Neighbours: other agents of a rehearsal, on air or not, without a client behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from retake_flow.rehearsal.setup.option_fields import Fields
from retake_flow.rehearsal.setup.viewer_script import Cue

#: The figures of a token: money in USD, growth in percent.
_STATS = ("price", "market_cap", "all_time_high", "growth_1h", "growth_6h", "growth_24h", "volume", "holders")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another agent, as docs/rehearsal.md explains it.

    Attributes:
        scheduled: The streams that it has announced: title, and seconds from now.
        chat: The entries of its chat; `at` says how many seconds ago each was written.
    """

    name: str
    live: bool = True
    viewers: int = 0
    title: str = ""
    user_id: str = ""
    agent_id: str = ""
    description: str = ""
    image_url: str = ""
    wallet_address: str = ""
    ticker: str = ""
    token_address: str = ""
    stats: Mapping[str, float] = field(default_factory=dict)
    scheduled: tuple[tuple[str, float], ...] = ()
    chat: tuple[Cue, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> Neighbour:
        """Read a neighbour from JSON.

        Raises:
            UsageError: It is none.
        """
        stats = Fields(fields.anything("stats") or {}, f"{fields.where}.stats")
        neighbour = fields.build(
            cls,
            stats={name: stats.number(name) for name in _STATS if stats.has(name)},
            scheduled=tuple(_announcement(item) for item in fields.objects("scheduled")),
            chat=tuple(Cue.read(item) for item in fields.objects("chat")),
        )
        stats.end()
        return neighbour

    def as_json(self) -> dict[str, Any]:
        """The neighbour as `read` reads it."""
        scheduled = [{"title": title, "in": seconds} for title, seconds in self.scheduled]
        return {**asdict(self), "scheduled": scheduled, "chat": [asdict(cue) for cue in self.chat]}


def _announcement(fields: Fields) -> tuple[str, float]:
    announced = fields.text("title"), fields.number("in")
    fields.end()
    return announced
