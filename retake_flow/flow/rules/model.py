"""The model of rules: whatever its form, each rule is something that must not happen unless it is currently allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression
from retake_flow.quick_dataclasses import dataclass, field

#: What `{ends: run}` names instead of an action.
RUN = "run"


@dataclass(frozen=True, slots=True)
class Condition:
    """What can be said of the moment; all of it has to hold.

    Attributes:
        runs: An action that some activity performs: a service, or a task that is repeated; "" when none is asked for.
        inside: A state that is active; "" when none is asked for.
        rests: The run only waits, and may do so for longer than these seconds; None when that is not asked for.
    """

    runs: str = ""
    inside: str = ""
    rests: float | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """What may happen on a path.

    Attributes:
        verb: `begins`, `done`, `ends`, `enters`, `leaves`, `takes`, or `holds` for conditions that come to hold.
        name: The action, the state or the event; "" for conditions.
        position: Where it is written.
        outcome: How the action ended; "" for any way.
        where: What held of its result.
        inputs: What the action is given.
        during: Conditions, one of which holds at that moment; none when that does not matter.
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
        name: What it is called.
        owner: The name of the rules that it belongs to.
        because: Why, in words.
        position: Where it is written.
        offends: What must not happen while it is not allowed.
        allows: What allows it from then on; it has to be sure to have happened.
        forbids: What forbids it from then on, if it may have happened.
        allowed: Whether it is allowed in the beginning.
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


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file."""

    name: str
    rules: tuple[Rule, ...]
