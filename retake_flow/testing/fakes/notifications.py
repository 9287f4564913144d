"""A fake notification channel for rehearsed runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from retake_flow.errors import NoticeFailed
from retake_flow.ports.notices import OPERATOR, Notice


@dataclass(slots=True)
class RecordingNotifier:
    """A channel that keeps its notices.

    Attributes:
        audience: The audience that it reaches.
        fails: How many notices fail before the first that arrives.
        heard: The notices that arrived.
    """

    audience: str = OPERATOR
    fails: int = 0
    notices: list[Notice] = field(default_factory=list)

    @property
    def channel(self) -> str:
        """Its name in the journal."""
        return f"test ({self.audience})"

    async def send(self, notice: Notice) -> None:
        """Deliver a notice, or fail."""
        if self.fails:
            self.fails -= 1
            raise NoticeFailed(f"{self.channel} did not accept the notice")
        self.notices.append(notice)
