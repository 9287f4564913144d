"""Port for chat: responders, which answer in it, and the platform's real-time events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from retake_flow.quick_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message. Its text is data, whatever it says.

    Attributes:
        id: The platform's id, opaque.
        author: The author's display name.
        user_id: The author's userDbId, if the platform gives it.
        text: The text, without control characters.
        at: The time, ISO-8601 in UTC, if the platform gives it.
        type: `message`, `tip`, or another type of the platform's.
        newcomer: Whether it is the author's first message ever.
        amount: The amount of a tip, in the platform's unit; None for other messages.
    """

    id: str
    author: str
    user_id: str | None
    text: str
    at: str | None
    type: str
    newcomer: bool = False
    amount: int | float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """New messages and their context.

    Attributes:
        messages: The unanswered messages, oldest first, without the agent's own.
        agent: The agent's name.
        recent: The messages just before, including the agent's own, oldest first.
        seen_before: The authors of `messages` who had written earlier.
        stream: The last known `viewers` and `uptime_seconds` of the stream.
        occasion: Why the responder is asked: there are messages, or a long `silence`, when `messages` is empty.
        direction: The operator's topic for the stream; "" when none is set.
    """

    messages: tuple[Message, ...]
    agent: str = ""
    recent: tuple[Message, ...] = ()
    seen_before: tuple[str, ...] = ()
    stream: Mapping[str, Any] = field(default_factory=dict)
    occasion: Literal["messages", "silence"] = "messages"
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply of a responder.

    Attributes:
        replies: The messages to send, in order.
        greeted: The newcomers whom it greets.
        renewed: Whether to ask the responder again, including about later arrivals, if nothing of it could be sent
            yet; otherwise it is sent later unchanged.
        answered: The ids of the messages that need no other answer; None for the whole batch. The others are asked
            about again.
        events: Events that the flow declares, with their data, in order.
    """

    replies: tuple[str, ...] = ()
    greeted: tuple[str, ...] = ()
    renewed: bool = False
    answered: tuple[str, ...] | None = None
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()


class Responder(Protocol):
    """Answers in chat for as long as an activity lasts."""

    async def respond(self, batch: Batch) -> Answer:
        """Answer new messages.

        Raises:
            RetakeFlowError: It has no answer now; it may be asked again, even about the same messages.
        """


#: Opens a responder from a flow's `responder` key, with a function that writes records into the journal.
OpenResponder = Callable[[Mapping[str, Any], Callable[..., None]], AbstractAsyncContextManager[Responder]]


class EventListener(Protocol):
    """Receives events from one real-time connection, which may break and come back."""

    def on_connected(self) -> None:
        """All rooms are joined; every event from now on is delivered."""

    def on_lost(self, reason: str) -> None:
        """The connection is lost, or could not be made; it will be retried."""

    def on_event(self, event: str, payload: Sequence[object]) -> None:
        """An event from the platform; must not fail."""


#: Listens in rooms while it is open. Each connection asks for the rooms again, since more may be known by then.
OpenRealtime = Callable[[Callable[[], Sequence[str]], EventListener], AbstractAsyncContextManager[None]]
