"""Labels of a diagram: the text in the boxes of states and at arrows.

Inputs, values given to actions, messages and addresses appear only by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from retake_flow.flow.calendar import describe
from retake_flow.flow.duration import words
from retake_flow.flow.expressions.expression import Template
from retake_flow.flow.model import (
    ActionState,
    Activity,
    CompositeState,
    FinalState,
    HistoryState,
    QuestionState,
    RestingState,
    State,
    SubFlowState,
    WaitState,
    time_limits,
)
from retake_flow.flow.names import SEPARATOR
from retake_flow.flow.state_parts import Ask, Effect, Raise, Route, Value
from retake_flow.redact import scrub
from retake_flow.sanitize import cut

_LONGEST = 40
_LINE = 26


class Topic(StrEnum):
    """The topic of a note."""

    DOES = "does"
    ASKS = "asks"
    TIME = "time"
    UNDO = "undo"
    BESIDE = "beside"
    EFFECT = "effect"
    STAYS = "stays"
    FAILS = "fails"
    RULE = "rule"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Note:
    """A line in a box."""

    topic: Topic
    text: str


def printable(text: str) -> str:
    """A text on one line, without secrets and invisible characters."""
    return "".join(sign if sign.isprintable() else " " for sign in scrub(text))


def notes(state: State) -> Iterator[Note]:
    """What a state does, in order of importance, without its transitions."""
    yield from _purpose(state)
    for activity in state.activities.values():
        yield Note(Topic.BESIDE, _beside(activity))
    if isinstance(state, ActionState) and state.undo:
        around = f"on leaving {state.parent}" if state.parent else "at the end"
        yield Note(Topic.UNDO, f"undo {state.undo.do} {around}")
    for word, effects in (("entry", state.entry), ("exit", state.exit)):
        if effects:
            yield Note(Topic.EFFECT, f"{word} {', '.join(_effects(effects))}")


def labelled_routes(state: State) -> Iterator[tuple[Route, str]]:
    """The routes of a state, each with its event, its shortened guard, and the events it raises."""
    for routes in (state.always, *state.routes.values()):
        for number, route in enumerate(routes):
            guard = f"[{_short(route.when.text)}]" if route.when else "[else]" if number else ""
            done = [f"/ {said}" for said in _effects(route.effects) if not said.startswith("set ")]
            yield route, " ".join(filter(None, (route.event or "always", guard, *done)))


def target_text(route: Route) -> str:
    """The text for the target of a route without an arrow: none, the state itself, or one inside it."""
    if not route.to:
        names = dict.fromkeys(name for effect in route.effects for name in effect.set)
        return ", stays" + (f", set {', '.join(names)}" if names else "")
    again = " again" if route.to == route.source or route.reenter else ""
    inside = route.to.removeprefix(route.source).removeprefix(SEPARATOR)
    return f" →{' ' + inside if inside else ''}{again}"


def lines(labels: Iterable[str]) -> Iterator[str]:
    """The labels of one arrow, without duplicates; short ones share a line."""
    line = ""
    for label in dict.fromkeys(labels):
        if line and len(line) + len(label) > _LINE:
            yield line
            line = ""
        line = f"{line}, {label}" if line else label
    if line:
        yield line


def _purpose(state: State) -> Iterator[Note]:
    """The purpose of a state, and how long it may take."""
    match state:
        case ActionState():
            yield Note(Topic.DOES, state.do)
            if state.needs:
                yield Note(Topic.TIME, f"needs {' and '.join(state.needs)}")
            if state.poll:
                yield Note(Topic.TIME, f"every {_span(state.poll.every)} until {_short(state.poll.until.text)}")
        case QuestionState():
            yield Note(Topic.ASKS, _asks(state.ask))
        case SubFlowState():
            yield Note(Topic.DOES, f"flow {state.sub.name}")
        case WaitState():
            yield Note(Topic.TIME, f"wait {_span(state.wait)}")
        case CompositeState() | FinalState() | HistoryState() | RestingState():
            pass
        case _:
            assert_never(state)
    if isinstance(state, CompositeState) and state.retry is not None:
        yield Note(Topic.TIME, f"re-entered up to {_span(state.retry.max)} times after errors")
    yield from (Note(Topic.TIME, f"timeout {_span(limit)}") for limit in time_limits(state))


def _beside(activity: Activity) -> str:
    if activity.ask:
        return f"{activity.name}: {_asks(activity.ask)}"
    pace = f" every {_span(activity.every)}" if activity.every is not None else ""
    quiet = f" ({_span(activity.quiet)} when quiet)" if activity.quiet is not None else ""
    needs = f", needs {' and '.join(activity.needs)}" if activity.needs else ""
    return f"{activity.name}: {activity.do}{pace}{quiet}{needs}"


def _asks(ask: Ask) -> str:
    return f"asks a person: {' · '.join(ask.decisions or ask.fields) or 'answered'}"


def _effects(effects: Iterable[Effect]) -> Iterator[str]:
    for effect in effects:
        when = f"[{_short(effect.condition.text)}] " if effect.condition is not None else ""
        if effect.set:
            yield f"{when}set {', '.join(effect.set)}"
        if effect.cancels:
            yield f"{when}cancel {', '.join(effect.cancels)}"
        if effect.raises:
            yield f"{when}raise {', '.join(_raised_events(effect.raises))}"
        if effect.tell is not None:
            yield f"{when}tell"
        if effect.scene:
            yield f"{when}scene {effect.scene}"


def _raised_events(raises: Iterable[Raise]) -> Iterator[str]:
    for each in raises:
        yield each.event + (f" after {_span(each.after)}" if each.after is not None else "")


def _span(value: Value) -> str:
    """A duration, or a time of the calendar, as written in the flow."""
    if isinstance(value, Mapping):
        return _short(describe({key: _span(part) for key, part in value.items()}))
    if isinstance(value, Template):
        return _short(value.text.strip().removeprefix("{{").removesuffix("}}"))
    return words(value) if isinstance(value, float) else _short(str(value))


def _short(text: str) -> str:
    return cut(" ".join(text.split()), _LONGEST)
