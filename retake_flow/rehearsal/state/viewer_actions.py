"""Acts of people in a stream: write, tip, trade, follow, join and leave; and the rooms that hear of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from retake_flow.rehearsal.setup.faults import FaultPlan
from retake_flow.rehearsal.setup.options import Options
from retake_flow.rehearsal.setup.viewer_script import CommentType, Cue, Side
from retake_flow.rehearsal.state.agents import Agent, Tips
from retake_flow.rehearsal.state.chat_log import Comment
from retake_flow.rehearsal.state.identities import Identities, Person
from retake_flow.rehearsal.state.streams import Session

Listener = Callable[[str, Mapping[str, Any]], None]
"""Hears the name of an event and what it carries."""

#: The room of all trades.
TRADES = "trades"


def live_room(user_id: str) -> str:
    """The room of the events of an agent's stream; the room of its chat is the user id itself."""
    return f"live_{user_id}"


def trades_room(token_address: str) -> str:
    """The room of one token's trades."""
    return f"{TRADES}_{token_address}"


class Rooms:
    """Sends events to the listeners of a room."""

    def __init__(self, faults: FaultPlan, speaking: Callable[[], bool]) -> None:
        self.said = 0
        self.on_drop: list[Callable[[], None]] = []
        self._faults = faults
        self._speaking = speaking
        self._listeners: dict[str, list[Listener]] = {}

    @property
    def occupied_rooms(self) -> frozenset[str]:
        """The rooms with listeners."""
        return frozenset(self._listeners)

    def subscribe(self, room: str, listener: Listener) -> Callable[[], None]:
        """Add a listener to a room; returns the way to remove it."""
        self._listeners.setdefault(room, []).append(listener)

        def unsubscribe() -> None:
            heard = self._listeners.get(room, [])
            if listener in heard:
                heard.remove(listener)
            if not heard:
                self._listeners.pop(room, None)

        return unsubscribe

    def say(self, room: str, event: str, data: Mapping[str, Any]) -> None:
        """Send an event to a room, subject to the faults."""
        listeners = tuple(self._listeners.get(room, ()))
        if not listeners or not self._speaking():
            return
        fault = self._faults.take_event(event)
        if fault == "drop":
            self.drop()
        if fault in ("drop", "lose"):
            return
        for _ in range(2 if fault == "double" else 1):
            self.said += 1
            for listener in listeners:
                listener(event, data)

    def drop(self) -> None:
        """Break every connection, as a network failure does."""
        for drop in tuple(self.on_drop):
            drop()


# A rehearsal of many hours has trades all the time; the oldest are dropped.
_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Trade:
    """A purchase or sale of tokens.

    Attributes:
        ticker: The token's ticker; empty for a token that is no agent's.
    """

    id: str
    at: float
    trader: Person
    side: Side
    amount: float
    token_address: str
    ticker: str

    def as_json(self) -> dict[str, Any]:
        """The trade as the platform sends it."""
        return {
            "trade_id": self.id,
            "token_address": self.token_address,
            "token_ticker": self.ticker,
            "side": self.side,
            "is_buy": self.side == "buy",
            "amount": self.amount,
            "amount_in_usd": self.amount,
            "trader_user_id": self.trader.user_id,
            "trader_username": self.trader.name,
            "trader_wallet_address": self.trader.wallet_address,
            f"{'buyer' if self.side == 'buy' else 'seller'}_address": self.trader.wallet_address,
            "timestamp": str(int(self.at * 1000)),
        }


class ViewerActions:
    """Lets people act in streams, writes it to the chat, and sends the events."""

    def __init__(
        self, identities: Identities, rooms: Rooms, now: Callable[[], float], options: Callable[[], Options]
    ) -> None:
        self.trades: deque[Trade] = deque(maxlen=_KEPT)
        self._identities = identities
        self._rooms = rooms
        self._now = now
        self._options = options

    def perform(self, agent: Agent, cue: Cue) -> Comment | None:
        """Let a viewer act in an agent's stream."""
        if cue.type == "leave":
            agent.audience.discard(cue.name)
            return None
        if cue.name not in agent.audience:
            agent.audience.add(cue.name)
            if agent.session is not None:
                agent.session.viewers += 1
        viewer = self._identities.viewer(cue.name)
        match cue.type:
            case "join":
                return None
            case "follow":
                self._follow(agent, viewer)
                return None
            case "tip":
                return self._tip(agent, viewer, cue)
            case "trade":
                return self._trade(agent, viewer, cue)
        return self.write(agent, viewer, cue.text, cue.type)

    def write(
        self,
        streamer: Agent,
        author: Person,
        text: str,
        type: CommentType = "message",
        details: Mapping[str, Any] | None = None,
    ) -> Comment:
        """Append an entry to a chat, and send it to the chat's room."""
        comment = streamer.chat.write(
            author,
            text,
            at=self._now(),
            session_id="" if streamer.session is None else streamer.session.id,
            shape=self._options().chat_shape,
            type=type,
            details=details,
        )
        self._rooms.say(streamer.user_id, "message", comment.as_json(self._options().chat_names))
        return comment

    def session_started(self, agent: Agent, session: Session) -> None:
        """Send the event that an agent has started a session."""
        started = {
            "session_id": session.id,
            "streamer_id": agent.user_id,
            "streamer_username": agent.name,
            "timestamp": str(int(session.started_at * 1000)),
        }
        self._rooms.say(live_room(agent.user_id), "session_started", started)

    def _follow(self, agent: Agent, viewer: Person) -> None:
        agent.followers.add(viewer.name)
        followed = {
            "user_id": viewer.user_id,
            "username": viewer.name,
            "streamer_id": agent.user_id,
            "timestamp": str(int(self._now() * 1000)),
        }
        self._rooms.say(live_room(agent.user_id), "user_followed", followed)

    def _tip(self, agent: Agent, viewer: Person, cue: Cue) -> Comment:
        tips = agent.tips.setdefault(viewer.name, Tips(viewer))
        tips.total, tips.count = tips.total + cue.amount, tips.count + 1
        tip = {"amount": cue.amount, "message": cue.text}
        comment = self.write(agent, viewer, cue.text, "tip", tip)
        self._rooms.say(
            live_room(agent.user_id),
            "tip_received",
            {**comment.as_json(self._options().chat_names), "amount": cue.amount},
        )
        return comment

    def _trade(self, agent: Agent, viewer: Person, cue: Cue) -> Comment | None:
        token = cue.token or agent.token_address
        own = token == agent.token_address
        ticker = agent.profile.ticker if own else ""
        trade = Trade(self._identities.id("trade"), self._now(), viewer, cue.side, cue.amount, token, ticker)
        self.trades.append(trade)
        data = trade.as_json()
        # A trade of another token has nothing to do with this stream.
        comment = self.write(agent, viewer, cue.text, "trade", data) if own else None
        for room in (*([live_room(agent.user_id)] if own else []), TRADES, trades_room(token)):
            self._rooms.say(room, "newtrade", data)
        return comment
