"""A fake responder without a program: it answers, delays and fails as configured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from retake_flow.errors import ResponderFailed
from retake_flow.ports.responders import Answer, Batch, OpenResponder
from retake_flow.responders import greeter
from retake_flow.responders.schema import OUTSIDE


@dataclass
class FakeResponder:
    """Answers chat in place of a flow's responder; a `retake_flow.ports.responders.Responder`.

    Attributes:
        answers: Its replies by text.
        events: The events that it raises by text, with their data.
        thinks: Delay for each batch, in seconds.
        failures: How often it fails before its first answer.
        chokes: A text on which it always fails.
        silence: Its reply to silence, "" for none.
        asked: The batches that it got.
        open: How many instances are open.
        opened_as: The settings that flows gave it.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    thinks: float = 0.0
    failures: int = 0
    chokes: str = ""
    silence: str = ""
    asked: list[Batch] = field(default_factory=list)
    open: int = 0
    opened_as: list[Mapping[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def serve(self, settings: Mapping[str, Any], note: Callable[..., None]) -> AsyncIterator[FakeResponder]:
        """Open it, as a flow does."""
        self.open += 1
        self.opened_as.append(settings)
        try:
            yield self
        finally:
            self.open -= 1

    async def respond(self, batch: Batch) -> Answer:
        """Reply to each message."""
        self.asked.append(batch)
        await asyncio.sleep(self.thinks)
        texts = [message.text for message in batch.messages]
        if self.failures or self.chokes in texts:
            self.failures = max(0, self.failures - 1)
            raise ResponderFailed("brain ended with status 1 before it answered")
        if batch.occasion == "silence":
            return Answer((self.silence,) if self.silence else ())
        return Answer(
            tuple(self.answers[text] for text in texts if text in self.answers),
            events=tuple(self.events[text] for text in texts if text in self.events),
        )


def standing_in(brain: FakeResponder) -> dict[str, OpenResponder]:
    """The fake in place of every responder except the greeter, which is real."""
    return {"greeter": greeter.open_responder, **dict.fromkeys(OUTSIDE, brain.serve)}
