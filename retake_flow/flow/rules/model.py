"""The model of rules: every rule forbids something unless it is currently allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression
from retake_flow.quick_dataclasses import dataclass, field

#: The name in `{ends: run}`, in place of an action.
RUN = "run"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the current moment; all its parts must hold.

    Attributes:
        runs: The action of a running activity: a service or a repeated task; "" if not required.
        rests: The run only waits, and may do so for longer than these seconds; None if not required.
    """

    runs: str = ""
    inside: str = ""
    rests: float | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """Something that may happen on a path.

    Attributes:
        verb: `begins`, `done`, `ends`, `enters`, `leaves`, `takes`, or `holds` for conditions that become true.
        name: The action, the state or the event; "" for conditions.
        during: Conditions, one of which holds at that moment; empty if that does not matter.
        unless: Conditions, none of which holds at that moment.
    """

    verb: str
    name: str
    position: Position
    outcome: str = ""
    where: Expression | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    during: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        owner: The name of the rule set that it belongs to.
        offends: What must not happen while it is not allowed.
        allows: What allows it from then on, if it certainly happened.
        forbids: What forbids it from then on, if it may have happened.
        allowed: Whether it is allowed at the beginning.
    """

    name: str
    owner: str
    because: str
    position: Position
    offends: tuple[Term, ...]
    allows: tuple[Term, ...] = ()
    forbids: tuple[Term, ...] = ()
    allowed: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """Everything that it names."""
        return (*self.offends, *self.allows, *self.forbids)
