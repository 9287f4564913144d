"""Facts that each occurrence adds and removes: results, and the fields of its event."""

from __future__ import annotations

from retake_flow.flow.check.dataflow.lattice import Fact, Facts
from retake_flow.flow.check.dataflow.symbols import OF_EVERY_EVENT, Declarations, fields
from retake_flow.flow.event_names import SKIPPED, matches
from retake_flow.flow.graph.transition_graph import Occurrence
from retake_flow.flow.model import Activity, FinalState, Flow, QuestionState, State


class News:
    """Gives the facts that occurrences in a flow add and remove."""

    def __init__(self, flow: Flow, facts: Facts, declarations: Declarations) -> None:
        self._flow = flow
        self._facts = facts
        self._declarations = declarations
        self._known: dict[Occurrence, tuple[int, int]] = {}
        self._brought = self._data()

    def of(self, occurrence: Occurrence) -> tuple[int, int]:
        """The facts that an occurrence removes and those that it adds."""
        known = self._known.get(occurrence)
        if known is None:
            gone, come = self._outcome(occurrence)
            known = self._known[occurrence] = gone, come | self._event("name", *OF_EVERY_EVENT)
        return known

    def _outcome(self, occurrence: Occurrence) -> tuple[int, int]:
        name, place = occurrence.name, occurrence.place
        if not place:
            told = ("kind", "message") if matches(SKIPPED, name) else ()
            return 0, self._event(*self._brought.get(name, told))
        scope, _, activity = place.rpartition(":")
        if not scope:
            state = self._flow.states[place]
            if isinstance(state, FinalState):
                result = self._facts.these([("result",)]) if state.ends_flow else 0
                return 0, result | self._event("reason", "message")
            error = matches("error", name)
            return (0, self._event("kind", "fault", "message")) if error else self._output(state, occurrence)
        root = self._flow.states[scope].root
        there = self._facts.these([("activities", root, activity)])
        if name == f"{activity}.exited":
            return there, self._event("reason")
        if name.startswith(f"{activity}.error"):
            return there, self._event("kind", "fault", "message")
        brought = self._declarations.event(occurrence)
        if brought:
            return 0, self._event(*brought)
        come, _ = self._result(occurrence, ())
        own = self._declarations.result(occurrence) is not None and name.startswith(f"{activity}.")
        return 0, come | there if own else come

    def _event(self, *names: str) -> int:
        return self._facts.these([("event", name) for name in names])

    def _output(self, state: State, occurrence: Occurrence) -> tuple[int, int]:
        """A result becomes the output of its state and replaces the previous one."""
        come, kept = self._result(occurrence, ("outputs", state.path))
        return self._facts.under(("outputs", state.path)) & ~kept if kept else 0, come | kept

    def _result(self, occurrence: Occurrence, output: Fact) -> tuple[int, int]:
        """The facts that a result and an output exist, with their fields."""
        schema = self._declarations.result(occurrence)
        if schema is None:
            return 0, 0
        come, kept = self._facts.these([("result",)]), self._facts.these([output])
        missing = self._not_asked(occurrence)
        for name in fields(schema):
            if name not in missing:
                come |= self._facts.under(("result", name))
                kept |= self._facts.under((*output, name))
        return come, kept

    def _not_asked(self, occurrence: Occurrence) -> set[str]:
        """The fields of the decisions that were not taken."""
        scope, _, activity = occurrence.place.rpartition(":")
        asker = self._flow.states[scope].activities[activity] if scope else self._flow.states[occurrence.place]
        ask = asker.ask if isinstance(asker, Activity | QuestionState) else None
        if ask is None:
            return set()
        taken = occurrence.name.removeprefix(f"{activity}.") if scope else occurrence.name
        every = {name for named in ask.decisions.values() for name in named}
        return every - set(ask.decisions.get(taken, ()))

    def _data(self) -> dict[str, frozenset[str]]:
        """The data of events that the flow raises or accepts from outside, whoever raises them."""
        found = {name: frozenset(declared) for name, declared in self._flow.events.items()}
        for state in self._flow.states.values():
            for each in state.raises():
                data = frozenset(each.data)
                found[each.event] = found[each.event] & data if each.event in found else data
        return {"stop": frozenset({"reason"}), **found}
