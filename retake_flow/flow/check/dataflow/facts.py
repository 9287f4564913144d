"""Facts that the expressions of a flow need: that a result, a variable or a field of an event exists.

Sets of facts are bits of an integer, so that following them through a flow of a thousand states is fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retake_flow.flow.check.dataflow.symbols import OF_EVERY_EVENT, Declarations, fields
from retake_flow.flow.check.references import Chain, all_expressions, mentions
from retake_flow.flow.graph.transition_graph import Occurrence
from retake_flow.flow.model import Activity, FinalState, Flow, QuestionState, State, SubFlowState
from retake_flow.flow.names import SKIPPED, matches
from retake_flow.flow.state_parts import ANSWERED

Fact = tuple[str, ...]
_DEEPEST = 3


class Facts:
    """The facts of one flow, each with a bit."""

    def __init__(self, flow: Flow, declarations: Declarations) -> None:
        self._flow = flow
        self._declarations = declarations
        self._bits: dict[Fact, int] = {}
        self._under: dict[Fact, int] = {}
        self._lifted: dict[str, list[tuple[int, int]]] = {}
        self._subs = [state.path for state in flow.states.values() if isinstance(state, SubFlowState)]
        self._name_all()
        self.every = (1 << len(self._bits)) - 1
        self.of_event = self.under(("event",)) | self.under(("result",))

    def of_name(self, root: str, chain: Chain) -> int:
        """The facts that a name requires; none if it always exists."""
        return self.these(self._stands_for(root, chain))

    def these(self, facts: Iterable[Fact]) -> int:
        """Those of the given facts that any expression needs."""
        mask = 0
        for fact in facts:
            mask |= self._bits.get(fact, 0)
        return mask

    def under(self, fact: Fact) -> int:
        """A fact and all facts below it, such as a result and its fields."""
        return self._under.get(fact, 0)

    def lift(self, root: str, facts: int) -> int:
        """The facts of the outer flow when a sub-flow ends with these facts."""
        mask = 0
        for inner, outer in self._lifted.get(root, ()):
            if facts & inner:
                mask |= outer
        return mask

    def _name_all(self) -> None:
        """Assign a bit to every fact that an expression needs, and to the facts it consists of."""
        pending: list[Fact] = [
            fact
            for root, expression in all_expressions(self._flow)
            for mention in mentions(expression)
            for fact in self._stands_for(root, mention.chain)
        ]
        while pending:
            fact = pending.pop()
            if fact not in self._bits:
                bit = self._bits[fact] = 1 << len(self._bits)
                for length in range(1, len(fact) + 1):
                    self._under[fact[:length]] = self._under.get(fact[:length], 0) | bit
                pending += [inner for _, inner in self._inside(fact)]
        for fact, bit in self._bits.items():
            for root, inner in self._inside(fact):
                self._lifted.setdefault(root, []).append((self._bits[inner], bit))

    def _stands_for(self, root: str, chain: Chain) -> Iterator[Fact]:
        """The facts that a name requires: for `outputs.post.url`, that a result exists and that it has a `url`."""
        match chain:
            case ("outputs", name, *rest):
                state = self._declarations.states_of(root).get(name)
                if state is not None:
                    yield ("outputs", state.path)
                    yield from (("outputs", state.path, *part) for part in self._parts(state, rest))
            case ("vars" | "activities" as kind, name, *_):
                yield (kind, root, name)
            case ("event", "result", *_):
                yield ("result",)
            case ("event", name, *_):
                yield ("event", name)
            case ("result", *rest):
                yield from (("result", *rest[:length]) for length in range(min(len(rest), _DEEPEST) + 1))

    def _parts(self, state: State, names: list[str]) -> Iterator[Fact]:
        """The parts of a result that may be missing: the fields of a decision, the outputs of inner states."""
        if not names:
            return
        if isinstance(state, QuestionState) and state.ask.decisions and names[0] not in ANSWERED:
            yield (names[0],)
        inner = self._declarations.states_of(state.path).get(names[0])
        if inner is not None:
            yield (names[0],)
            yield from ((names[0], *part) for part in self._parts(inner, names[1:]))

    def _inside(self, fact: Fact) -> Iterator[tuple[str, Fact]]:
        """The facts of a sub-flow that become facts of the outer flow when it ends, with the state it runs in."""
        if fact[0] == "outputs" and len(fact) > 2:
            roots, names = [fact[1]], fact[2:]
        elif fact[0] == "result" and len(fact) > 1:
            roots, names = self._subs, fact[1:]
        else:
            return
        for root in roots:
            inner = self._declarations.states_of(root).get(names[0])
            if inner is not None:
                yield root, ("outputs", inner.path, *names[1:])


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
            carried = ("kind", "message") if matches(SKIPPED, name) else ()
            return 0, self._event(*self._brought.get(name, carried))
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
        """The data of events that the flow raises or accepts from outside, no matter what raises them."""
        found = {name: frozenset(declared) for name, declared in self._flow.events.items()}
        for state in self._flow.states.values():
            for each in state.raises():
                data = frozenset(each.data)
                found[each.event] = found[each.event] & data if each.event in found else data
        return {"stop": frozenset({"reason"}), **found}
