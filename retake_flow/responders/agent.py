"""Agent: the agent answers chat itself, by commands; messages that stay unanswered go to a fallback."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from retake_flow.flow import duration
from retake_flow.ports.responders import Answer, Batch, Message, OpenResponder, Responder
from retake_flow.responders.schema import AGENT_AFTER

_KNOWN: Final = 5_000  # answered messages that are remembered
#: Seconds after which it is asked again, with the messages that have arrived meanwhile.
_LOOKS: Final = 2.0
#: If a message has less than this left, in seconds, it is waited for to the end: the next request may come too late.
_SOON: Final = 10.0


class Replies:
    """The messages that the agent has answered, as they become known."""

    def __init__(self) -> None:
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._changed = asyncio.Event()

    def add(self, messages: Iterable[str]) -> None:
        """Note that messages are answered, by their ids."""
        for message in messages:
            self._answered[message] = None
        while len(self._answered) > _KNOWN:
            self._answered.popitem(last=False)
        self._changed.set()

    def __contains__(self, message: str) -> bool:
        return message in self._answered

    async def wait(self, within: float) -> None:
        """Wait until more messages are answered, but not longer than `within` seconds."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._changed.wait()


@asynccontextmanager
async def open_agent(
    replies: Replies, others: Mapping[str, OpenResponder], settings: Mapping[str, Any], note: Callable[..., None]
) -> AsyncIterator[Agent]:
    """Open the agent of a flow."""
    after = duration.seconds(settings["agent"].get("after", AGENT_AFTER))
    fallback = settings["agent"].get("fallback", "greeter")
    if fallback == "silence":
        yield Agent(replies, after, None)
        return
    named = {"greeter": {}} if fallback == "greeter" else fallback
    kind = next(kind for kind in others if kind in named)
    async with others[kind](named, note) as other:
        yield Agent(replies, after, other)


class Agent:
    """Leaves messages to the agent for a while, and hands them to a fallback then.

    Args:
        after: How long a message waits for the agent, in seconds.
        fallback: The responder that answers in its place, if any.
    """

    def __init__(self, replies: Replies, after: float, fallback: Responder | None) -> None:
        self._replies = replies
        self._after = after
        self._fallback = fallback
        self._came: OrderedDict[str, float] = OrderedDict()

    async def respond(self, batch: Batch) -> Answer:
        """Wait for the agent's replies; the fallback answers messages that have waited too long."""
        loop = asyncio.get_running_loop()
        for message in batch.messages:
            self._came.setdefault(message.id, loop.time())
        while len(self._came) > _KNOWN:
            self._came.popitem(last=False)
        left = self._seconds_left(batch, loop.time())
        if left > 0 and not all(message.id in self._replies for message in batch.messages):
            await self._replies.wait(left if left < _SOON else _LOOKS)
        answered = tuple(message.id for message in batch.messages if message.id in self._replies)
        late = self._due(batch, loop.time())
        if not late:
            return Answer(answered=answered)
        done = (*answered, *(message.id for message in late))
        if self._fallback is None:
            return Answer(answered=done)
        given = await self._fallback.respond(replace(batch, messages=late))
        return replace(given, renewed=False, answered=done)

    def _seconds_left(self, batch: Batch, now: float) -> float:
        """For how many seconds the agent can still answer all of it."""
        return self._after - max((now - self._came[message.id] for message in batch.messages), default=self._after)

    def _due(self, batch: Batch, now: float) -> tuple[Message, ...]:
        """The messages that have waited too long for the agent."""
        waiting = (message for message in batch.messages if message.id not in self._replies)
        return tuple(message for message in waiting if now - self._came[message.id] >= self._after)
