"""Facts that the expressions of a flow need: that a result, a variable or a field of an event exists.

Sets of facts are bits of an integer, so that following them through a flow of a thousand states is fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retake_flow.flow.check.dataflow.symbols import Declarations
from retake_flow.flow.check.references import Chain, all_expressions, mentions
from retake_flow.flow.model import Flow, QuestionState, State, SubFlowState
from retake_flow.flow.question import ANSWERED

Fact = tuple[str, ...]
_DEEPEST = 3


class Facts:
    """The facts of one flow, each with a bit.

    Attributes:
        every: All facts.
        of_event: All facts of the event being handled.
    """

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

    def needed(self, root: str, chain: Chain) -> int:
        """The facts that a name requires; none if it always exists.

        Args:
            root: The path of the sub-flow that uses the name; "" for the flow itself.
            chain: The name.
        """
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

    def lifted(self, root: str, facts: int) -> int:
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
                state = self._declarations.named(root).get(name)
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
        inner = self._declarations.named(state.path).get(names[0])
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
            inner = self._declarations.named(root).get(names[0])
            if inner is not None:
                yield root, ("outputs", inner.path, *names[1:])
