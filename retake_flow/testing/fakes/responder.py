"""A brain without a program: it answers, takes its time and fails as it is told to."""

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
class Brain:
    """Answers chat instead of whom a flow names; a `retake_flow.ports.responders.Responder`.

    Attributes:
        answers: What it says to which text.
        thinks: How long it takes for each batch, in seconds.
        failures: How often it has no answer before it has one.
        chokes: A text on which it always fails.
        silence: What it says when nobody says anything, "" for nothing.
        asked: The batches that it got.
        open: How many of it are running.
        opened_as: What the flows said of it.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    thinks: float = 0.0
    failures: int = 0
    chokes: str = ""
    silence: str = ""
    asked: list[Batch] = field(default_factory=list)
    open: int = 0
    opened_as: list[Mapping[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def opened(self, settings: Mapping[str, Any], note: Callable[..., None]) -> AsyncIterator[Brain]:
        """As a flow opens it."""
        self.open += 1
        self.opened_as.append(settings)
        try:
            yield self
        finally:
            self.open -= 1

    async def respond(self, batch: Batch) -> Answer:
        """Say what there is to say to each message."""
        self.asked.append(batch)
        await asyncio.sleep(self.thinks)
        texts = [message.text for message in batch.messages]
        if self.failures or self.chokes in texts:
            self.failures = max(0, self.failures - 1)
            raise ResponderFailed("brain ended with status 1 before it answered")
        if batch.occasion == "silence":
            return Answer((self.silence,) if self.silence else ())
        return Answer(tuple(self.answers[text] for text in texts if text in self.answers))


def standing_in(brain: Brain) -> dict[str, OpenResponder]:
    """A brain in the place of all that is not ours, and the greeter as it is."""
    return {"greeter": greeter.opened, **dict.fromkeys(OUTSIDE, brain.opened)}
