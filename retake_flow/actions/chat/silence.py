"""What is done when nobody says anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.actions.chat.digests import Digests
from retake_flow.flow import duration
from retake_flow.quick_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Silence:
    """What a flow does against it.

    Attributes:
        after: Seconds in which nobody has said anything.
        messages: What is said then, one each time.
    """

    after: float
    messages: tuple[str, ...]

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Silence | None:
        """As a flow says; None when it says nothing."""
        said = inputs.get("silence")
        if not said:
            return None
        return cls(duration.seconds(said["after"]), tuple(str(text) for text in said.get("messages") or ()))

    def next(self, told: Digests) -> str | None:
        """The first message that was not said in this stream."""
        return next((text for text in self.messages if text.strip() and text not in told), None)
