"""Questions that only a person can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retake_flow.quick_dataclasses import dataclass, field
from retake_flow.redact import MASK

#: The properties of one answer, as JSON Schema by name.
Fields = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Gate:
    """An open question of a run. Times are seconds since the epoch.

    Attributes:
        id: Its name within the run, `PLACE.VISIT`, where the place is a state's path or an activity's key.
        place: The path of the state or the key of the activity that asks.
        visit: The visit during which it was asked.
        message: The text for the person.
        fields: The fields to answer, as JSON Schema properties, for a gate without decisions.
        decisions: Named answers, each with its own fields; empty when there is only one way to answer.
        opened_at: When it was asked.
        due: When it expires, if it does.
        audience: Its addressee (`operator`, or the one in the flow after it escalated).
    """

    id: str
    place: str
    visit: int
    message: str
    fields: Fields = field(default_factory=dict)
    decisions: Mapping[str, Fields] = field(default_factory=dict)
    opened_at: float = 0.0
    due: float | None = None
    audience: str = "operator"

    def fields_of(self, decision: str) -> Fields:
        """The fields of a decision; pass "" for a gate without decisions."""
        return self.decisions.get(decision, {}) if self.decisions else self.fields

    def secrets_of(self, decision: str) -> frozenset[str]:
        """The names of the fields whose answers only the run may read (`secret: true`)."""
        return frozenset(name for name, schema in self.fields_of(decision).items() if schema.get("secret") is True)

    def visible_fields(self, answer: Answer) -> dict[str, Any]:
        """The fields of an answer, the secret ones masked."""
        hidden = self.secrets_of(answer.decision)
        return {name: MASK if name in hidden else value for name, value in answer.fields.items()}

    def is_expired(self, at: float) -> bool:
        """Whether an answer at this time comes too late."""
        return self.due is not None and at >= self.due

    def shift(self, by: float) -> Gate:
        """The gate by a clock that is ahead by some seconds."""
        return replace(self, opened_at=self.opened_at + by, due=None if self.due is None else self.due + by)


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to a gate.

    Attributes:
        decision: The named decision, "" when the gate has none.
        fields: The answered fields, valid against the gate's schema; a run gets the secret ones as `Secret`.
        by: Who answered.
        channel: The channel: `terminal`, `command`, `stdin`, `web`, …
        at: The time, in seconds since the epoch.
    """

    decision: str
    fields: Mapping[str, Any]
    by: str
    channel: str
    at: float
