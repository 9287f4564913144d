"""Somebody who is reached by notices, in rehearsed runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from retake_flow.errors import NoticeFailed
from retake_flow.ports.notices import OPERATOR, Notice


@dataclass(slots=True)
class Reached:
    """A channel that keeps what it is told.

    Attributes:
        audience: Who is reached by it.
        fails: How many notices do not arrive before the first that does.
        heard: What was told.
    """

    audience: str = OPERATOR
    fails: int = 0
    heard: list[Notice] = field(default_factory=list)

    @property
    def channel(self) -> str:
        """What the journal calls it."""
        return f"test ({self.audience})"

    async def send(self, notice: Notice) -> None:
        """As the protocol."""
        if self.fails:
            self.fails -= 1
            raise NoticeFailed(f"{self.channel} did not take the notice")
        self.heard.append(notice)
