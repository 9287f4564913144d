"""Transitions: the routes of a state, the effects of entering, leaving and going on, and the scenes that they set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.flow.diagnostics import Position
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.schema.common import SCENES
from retake_flow.quick_dataclasses import dataclass, field

Value = Any  # plain data in which texts with expressions are Template objects


@dataclass(frozen=True, slots=True)
class Raise:
    """An event that the flow itself raises.

    Attributes:
        data: Its data, which expressions see as `event.NAME`.
        after: Its delay; None means at once, before anything else happens to the run.
        scope: The path of the state with which a delayed event is dropped; "" is the flow itself, and None the state
            that raises it.
        source: The path of the state that raises it.
    """

    event: str
    position: Position
    data: Mapping[str, Value] = field(default_factory=dict)
    after: Value | None = None
    scope: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """A notice to the operator on entering, on leaving or on a transition.

    Attributes:
        kind: The kind of notice.
    """

    message: Value
    kind: str = "told"


@dataclass(frozen=True, slots=True)
class Effect:
    """Effects of entering or leaving a state or of a route, in this order: set variables, cancel and raise events,
    notify the operator, change the scene of the stage ("" leaves it).

    Attributes:
        condition: They are left out unless it holds.
        cancels: The delayed events to drop.
        position: Where they are written.
    """

    set: Mapping[str, Value] = field(default_factory=dict)
    raises: tuple[Raise, ...] = ()
    tell: Tell | None = None
    scene: str = ""
    condition: Expression | None = None
    position: Position | None = None
    cancels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """The activities whose windows viewers see together."""

    activities: tuple[str, ...]
    position: Position


def scene_names(own: Mapping[str, Scene]) -> tuple[str, ...]:
    """The scenes that can be set: the built-in ones, then those of the flow."""
    return (*SCENES, *own)


@dataclass(frozen=True, slots=True)
class Route:
    """One way out on an event: its guard, its target, and its effects.

    Attributes:
        event: The event; "" if it is taken as soon as its guard holds.
        to: The path of the target; "" if no state is left or entered.
        root: The path of the sub-flow it belongs to, whose names its expressions use; "" for the flow itself.
        source: The path of its state.
        reenter: Whether that state is left and entered again even if the target is inside it.
    """

    event: str
    to: str
    when: Expression | None
    effects: tuple[Effect, ...]
    position: Position
    root: str = ""
    source: str = ""
    reenter: bool = False
