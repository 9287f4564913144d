"""Port for responders, which answer in chat for `chat.respond`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from retake_flow.quick_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was written in chat; whatever it says, it is data.

    Attributes:
        id: The platform's, opaque.
        author: The name to address them by.
        user_id: Their userDbId, where the platform tells it.
        text: What they wrote, without control characters.
        at: When, ISO-8601 in UTC, where the platform tells it.
        type: `message`, `tip`, or whatever else the platform says.
        newcomer: Whether it is the first that they ever wrote.
        amount: How much was tipped, in the platform's unit; None for what is no tip.
    """

    id: str
    author: str
    user_id: str | None
    text: str
    at: str | None
    type: str
    newcomer: bool = False
    amount: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is new, and what was before.

    Attributes:
        messages: What nobody has answered yet, oldest first; the agent's own are not among them.
        agent: The agent's name.
        recent: What was written just before, the agent's own words included, oldest first.
        seen_before: Those authors of `messages` who had written earlier.
        stream: What is known of the stream: `viewers` and `uptime_seconds`, as the platform said last.
        occasion: Why it is asked: there are messages, or nothing was said for long (`silence`) and `messages` is empty.
        direction: What the operator wants the stream to be about, "" when nobody said.
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
    """What is to be said.

    Attributes:
        replies: One message each, in order.
        greeted: The newcomers who are greeted by it.
        renewed: Whether the responder is asked again, also about those who came meanwhile, when none of it could be
            said yet; otherwise it is said later as it is.
    """

    replies: tuple[str, ...] = ()
    greeted: tuple[str, ...] = ()
    renewed: bool = False


class Responder(Protocol):
    """Answers in chat for as long as an activity lasts."""

    async def respond(self, batch: Batch) -> Answer:
        """What to say to new messages.

        Raises:
            RetakeFlowError: It has no answer now; it may be asked again, also about the same messages.
        """
        ...


#: Opens a responder: from what a flow says under `responder`, and with a way to write records into the journal.
OpenResponder = Callable[[Mapping[str, Any], Callable[..., None]], AbstractAsyncContextManager[Responder]]
