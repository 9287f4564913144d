"""The rooms of the rehearsed platform's real-time events: their listeners and their events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retake_flow.rehearsal.setup.faults import FaultPlan

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
