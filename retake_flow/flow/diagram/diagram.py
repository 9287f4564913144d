"""A flow as boxes, frames and arrows: the common source of every diagram format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import assert_never

from retake_flow.flow.diagram.labels import Note, Topic, labelled_routes, lines, notes, printable, target_text
from retake_flow.flow.model import (
    ActionState,
    CompositeState,
    FinalState,
    Flow,
    HistoryState,
    QuestionState,
    RestingState,
    State,
    SubFlowState,
    WaitState,
)
from retake_flow.flow.names import is_within, matches
from retake_flow.flow.state_parts import Route

_FAILING = ("error", "exited", "failed")
#: The most states from which failures are drawn as arrows to one end; more are written in their boxes.
_MOST = 3


class Style(StrEnum):
    """The look of a box."""

    ACTION = "action"
    ASKING = "asking"
    WAITING = "waiting"
    RESTING = "resting"
    FRAME = "frame"
    SUB_FLOW = "sub-flow"
    HISTORY = "history"
    COMPLETED = "completed"
    ENDED = "ended"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether it is a final state."""
        return self in (Style.COMPLETED, Style.ENDED, Style.FAILED)


@dataclass(frozen=True, slots=True)
class Box:
    """A state as it is drawn.

    Attributes:
        first: The path of its initial inner box; "" if it has none.
        visits: How many times a run was here; None if no run is drawn.
    """

    path: str
    name: str
    look: Style
    notes: tuple[Note, ...] = ()
    inside: tuple[Box, ...] = ()
    first: str = ""
    active: bool = False
    visits: int | None = None

    @property
    def title(self) -> str:
        """Its name, with the number of visits if more than one."""
        return f"{self.name} ×{self.visits}" if self.visits and self.visits > 1 else self.name

    def all(self) -> Iterator[Box]:
        """The box and every box inside it."""
        yield self
        for box in self.inside:
            yield from box.all()


@dataclass(frozen=True, slots=True)
class Arrow:
    """All routes of one state to one target.

    Attributes:
        tail: The path of the box inside the source below which it begins; "" if there is none.
        quiet: Whether it is taken on failures only.
        onward: Whether it leads to a state later in the file.
        main: Whether it is the first way out of its state and leads onward.
        taken: Whether it is on the path that a run took last.
    """

    source: str
    target: str
    labels: tuple[str, ...]
    tail: str = ""
    quiet: bool = False
    onward: bool = True
    main: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A step on the path of a run.

    Attributes:
        after: The names of what happened just before it was entered, if known.
    """

    path: str
    after: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a run is and was.

    Attributes:
        visits: How many times each state was entered, by path.
        way: The path to its position, oldest step first, no state twice.
        asked: Where a question is open: the paths of states and the keys of activities.
    """

    active: frozenset[str]
    visits: Mapping[str, int]
    way: tuple[Step, ...]
    asked: frozenset[str]
    said: str


@dataclass(frozen=True, slots=True)
class RuleNotes:
    """The rules that a flow must keep.

    Attributes:
        over: The names of the rules that apply to a state, by its path.
    """

    because: Mapping[str, str]
    over: Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class Diagram:
    """A whole picture.

    Attributes:
        said: A line about the drawn run; "" if there is none.
        legend: What each scene shows, and the meaning of each named rule, one line each.
    """

    name: str
    first: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    said: str = ""
    legend: tuple[str, ...] = ()

    def all(self) -> Iterator[Box]:
        """Every box, inner ones after the box that holds them."""
        for box in self.boxes:
            yield from box.all()


def diagram(flow: Flow, *, trace: Trace | None = None, ruled: RuleNotes | None = None, folded: bool = False) -> Diagram:
    """The diagram of a flow.

    It marks a run (`trace`) and the rules that apply to each box (`ruled`); `folded` draws each sub-flow as one box.
    """
    drawing = _Drawing(flow, trace, ruled.over if ruled else {}, folded)
    boxes = tuple(drawing.box(state) for state in flow.states.values() if not state.parent)
    said = "" if trace is None else printable(trace.said)
    scenes = tuple(f"scene {name}: {', '.join(scene.activities) or 'nothing'}" for name, scene in flow.scenes.items())
    legend = (*scenes, *(f"{name}: {why}" for name, why in (ruled.because if ruled else {}).items()))
    return Diagram(
        printable(flow.name), flow.initial, boxes, tuple(drawing.arrows()), said, tuple(map(printable, legend))
    )


class _Drawing:
    def __init__(self, flow: Flow, trace: Trace | None, rules: Mapping[str, Iterable[str]], folded: bool) -> None:
        self._flow = flow
        self._trace = trace
        self._rules = rules
        self._folded = folded
        self._places = {path: number for number, path in enumerate(flow.states)}
        self._steps = set(arrows_taken(flow, trace.way)) if trace else set()

    def box(self, state: State) -> Box:
        """A state with everything inside it."""
        around = state if isinstance(state, CompositeState) else None
        if self._folded and isinstance(state, SubFlowState):
            around = None
        trace = self._trace
        return Box(
            state.path,
            printable(state.name) if not isinstance(state, HistoryState) else "H*" if state.deep else "H",
            _look(state),
            tuple(Note(note.topic, printable(note.text)) for note in self._notes(state)),
            tuple(self.box(self._flow.states[path]) for path in around.children) if around else (),
            around.initial if around else "",
            trace is not None and state.path in trace.active,
            None if trace is None else trace.visits.get(state.path, 0),
        )

    def arrows(self) -> Iterator[Arrow]:
        """One arrow for each pair of a state and a target outside it."""
        return (arrow for arrow in self._all if arrow not in self._arrows_as_text)

    @cached_property
    def _all(self) -> list[Arrow]:
        states = [state for state in self._flow.states.values() if not (self._folded and state.root)]
        return [arrow for state in states for arrow in self._of(state)]

    @cached_property
    def _arrows_as_text(self) -> frozenset[Arrow]:
        """Arrows written as text in the box they leave: failures that lead from many states to one end."""
        quiet = Counter(arrow.target for arrow in self._all if arrow.quiet)
        finals = {path for path, state in self._flow.states.items() if isinstance(state, FinalState)}
        ends = finals & {arrow.target for arrow in self._all if not arrow.quiet}
        listed = (arrow for arrow in self._all if arrow.quiet and not arrow.taken)
        return frozenset(arrow for arrow in listed if arrow.target in ends and quiet[arrow.target] > _MOST)

    def _of(self, state: State) -> Iterator[Arrow]:
        if isinstance(state, HistoryState) and state.initial:
            yield Arrow(state.path, state.initial, ("the first time",))
        merged: dict[str, list[tuple[Route, str]]] = {}
        for route, label in labelled_routes(state):
            if not _within(route.to, state.path):
                merged.setdefault(route.to, []).append((route, label))
        main = next((target for target, routes in merged.items() if not _aside(routes[0][0].event)), "")
        for target, routes in merged.items():
            onward = self._places[target] > self._places[state.path]
            yield Arrow(
                state.path,
                target,
                tuple(map(printable, lines(label for _, label in routes))),
                self._tail(state, merged[main][0][0].event) if main else "",
                all(_fails(route.event) for route, _ in routes),
                onward,
                onward and target == main,
                (state.path, target) in self._steps,
            )

    def _tail(self, state: State, event: str) -> str:
        """The inner final state whose outcome is the event; "" if there is none."""
        if isinstance(state, SubFlowState) and self._folded:
            return ""
        finals = (inside for inside in self._flow.states.values() if isinstance(inside, FinalState))
        return next((each.path for each in finals if each.ends == state.path and each.final == event), "")

    def _notes(self, state: State) -> Iterator[Note]:
        yield from notes(state)
        for route, label in labelled_routes(state):
            if _within(route.to, state.path):
                yield Note(Topic.STAYS, label + target_text(route))
        for arrow in self._all:
            if arrow.source == state.path and arrow in self._arrows_as_text:
                yield Note(Topic.FAILS, f"{', '.join(arrow.labels)} → {self._flow.states[arrow.target].name}")
        for names in lines(self._rules.get(state.path, ())):
            yield Note(Topic.RULE, f"rule {names}")
        for place in sorted(self._trace.asked if self._trace else ()):
            path, _, name = place.partition(":")
            if path == state.path:
                yield Note(Topic.RUN, f"{name} is asked now" if name else "asked now")


def _look(state: State) -> Style:
    match state:
        case FinalState():
            ended = Style.COMPLETED if state.final == "completed" else Style.ENDED
            return Style.FAILED if state.fails else ended
        case ActionState():
            return Style.ACTION
        case QuestionState():
            return Style.ASKING
        case SubFlowState():
            return Style.SUB_FLOW
        case CompositeState():
            return Style.FRAME
        case WaitState():
            return Style.WAITING
        case HistoryState():
            return Style.HISTORY
        case RestingState():
            return Style.RESTING
        case _:
            assert_never(state)


def _fails(event: str) -> bool:
    return any(part in _FAILING for part in event.split("."))


def _aside(event: str) -> bool:
    """Whether an event is not part of a state's purpose."""
    return event == "timeout" or _fails(event)


def _within(target: str, source: str) -> bool:
    """Whether a route has no arrow: it has no target, or leads to the state itself or into it."""
    return not target or is_within(target, source)


def arrows_taken(flow: Flow, way: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """The arrows along a path: of the routes between two steps, the one for what had happened."""
    for before, after in pairwise(way):
        routes = [route for state in flow.around(before.path) for route, _ in labelled_routes(state)]
        found = [route for route in routes if route.to and is_within(after.path, route.to)]
        fitting = [route for route in found if any(matches(route.event, name) for name in after.after)]
        for route in (fitting or found)[:1]:
            yield route.source, route.to
