"""Questions to people, as a flow asks them."""

from __future__ import annotations

from collections.abc import Mapping

from retake_flow.flow.fields import Declared
from retake_flow.flow.transitions import Value
from retake_flow.quick_dataclasses import dataclass, field

#: The values in the result of a question besides the answered fields.
ANSWERED = ("decision", "answered_by", "answered_at", "channel")


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is asked instead if nobody has answered by a given time."""

    after: Value
    to: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a person.

    Attributes:
        message: The text for the person.
        fields: The fields to answer, as JSON Schema properties, for a question without decisions.
        decisions: Named answers, each with its own fields.
        remind: When to remind, counted from the question.
        timeout: When it expires, counted from the question.
    """

    message: Value
    fields: Declared = field(default_factory=dict)
    decisions: Mapping[str, Declared] = field(default_factory=dict)
    remind: tuple[Value, ...] = ()
    timeout: Value | None = None
    escalate: tuple[Escalation, ...] = ()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The events with which it can end."""
        answers = tuple(self.decisions) or ("answered",)
        return answers if self.timeout is None else (*answers, "timeout")

    @property
    def times(self) -> tuple[Value, ...]:
        """Its durations."""
        return (self.timeout, *self.remind, *(later.after for later in self.escalate))

    @property
    def work(self) -> Value:
        """The values that asking it evaluates."""
        return (self.message, self.times)
