"""Questions that only a person can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Gate:
    """An open question of a run. Times are seconds since the epoch.

    Attributes:
        id: Its name within the run, `PLACE.VISIT`, where the place is a state's path or an activity's key.
        place: Who asks: the path of a state or the key of an activity.
        visit: The visit during which it was asked.
        message: What the person reads.
        fields: What is to be answered, as JSON Schema properties; the answer to a gate without decisions.
        decisions: Named answers, each with fields of its own; empty when there is just one way to answer.
        opened_at: When it was asked.
        due: When it expires, if it does.
        audience: Whom it is addressed to (`operator`, or what the flow says after it escalated).
    """

    id: str
    place: str
    visit: int
    message: str
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    decisions: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    opened_at: float = 0.0
    due: float | None = None
    audience: str = "operator"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said to a gate.

    Attributes:
        decision: The named decision, "" when the gate has none.
        fields: The answered fields, valid against the gate's schema.
        by: Who answered.
        channel: How: `terminal`, `command`, `stdin`, `web`, …
        at: When, in seconds since the epoch.
    """

    decision: str
    fields: Mapping[str, Any]
    by: str
    channel: str
    at: float
