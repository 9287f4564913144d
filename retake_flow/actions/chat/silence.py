"""Silence: what the agent does when nobody says anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.actions.chat.digests import Digests
from retake_flow.flow import duration
from retake_flow.quick_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Silence:
    """How a flow breaks silence.

    Attributes:
        after: Seconds of silence.
        messages: The messages, one for each silence.
    """

    after: float
    messages: tuple[str, ...]

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Silence | None:
        """The setting of a flow; None if it has none."""
        said = inputs.get("silence")
        if not said:
            return None
        return cls(duration.seconds(said["after"]), tuple(str(text) for text in said.get("messages") or ()))

    def next(self, told: Digests) -> str | None:
        """The first message not yet said in this stream."""
        return next((text for text in self.messages if text.strip() and text not in told), None)
