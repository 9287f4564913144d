"""Generated scenarios for people to complete: each takes one transition of a flow, and has been tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from retake_flow.errors import RetakeFlowError
from retake_flow.flow.graph.transition_graph import Move
from retake_flow.flow.model import Flow
from retake_flow.flow.state_parts import Route
from retake_flow.testing.gherkin.cells import cell
from retake_flow.testing.gherkin.coverage import Coverage, guard, words
from retake_flow.testing.paths.path_script import Line, Script, Unknown
from retake_flow.testing.paths.paths import Path, Paths
from retake_flow.testing.runs.observed import Unmet, entered_states
from retake_flow.testing.runs.trial import Premise, Trial

#: The most records while waiting; a state that is not reached by then is not reachable this way.
_MOST_RECORDS: Final = 1_500
#: The most records over all trials; the scenarios left after that are written as far as their steps are known.
_MOST_IN_ALL: Final = 100_000
_A_TRIAL: Final = 20  # the cost of beginning a trial, in records


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A scenario along one transition.

    Attributes:
        route: The transition.
        given: The steps before the flow is run.
        when: The steps after it.
        then: The state that it leads to.
        missing: What a person has to fill in; "" if the scenario passes as it is.
        times: How often the state is entered then; a scenario that is not filled in does not pass.
    """

    route: Route
    given: Sequence[Line]
    when: Sequence[Line]
    then: str
    missing: str = ""
    times: int = 1

    def lines(self, title: str) -> Iterator[str]:
        """The scenario as Gherkin."""
        yield f"  Scenario: {title}"
        last = ""
        for line in (*self.given, _RUN, *self.when):
            keyword, _, rest = line.text.partition(" ")
            yield f"    {'And' if keyword == last else keyword} {rest}"
            last = keyword
            yield from (f"      | {name} | {cell(value)} |" for name, value in line.table.items())
        if self.missing:
            yield f"    # to be filled in: {self.missing}"
        often = f" {self.times} times" if self.times > 1 else ""
        yield f'    Then it has been in "{self.then}"{often}'


_RUN = Line("When the flow is run", lambda trial: trial.begin())


def feature(flow: Flow, skeletons: Sequence[Skeleton]) -> Iterator[str]:
    """A feature of skeletons, line by line."""
    yield f"Feature: {flow.name}, one transition after the other"
    seen: dict[str, int] = {}
    for skeleton in skeletons:
        title = " ".join(words(skeleton.route).split())
        seen[title] = seen.get(title, 0) + 1
        yield ""
        yield from skeleton.lines(title if seen[title] == 1 else f"{title} ({seen[title]})")


def skeletons(flow: Flow, inputs: Mapping[str, Any], routes: Sequence[Route]) -> Iterator[Skeleton]:
    """A scenario for each of these transitions that some path reaches.

    Args:
        flow: The flow.
        inputs: The inputs that are set; others that are needed are invented.
        routes: The transitions.
    """
    paths = Paths(flow)
    writer = _Writer(flow, inputs)
    for route in routes:
        ways = paths.along(route)
        if ways:
            yield writer.best(route, ways)


class _Writer:
    """Writes scenarios and tries them."""

    def __init__(self, flow: Flow, inputs: Mapping[str, Any]) -> None:
        self._flow = flow
        self._inputs = inputs
        self._coverage = Coverage(flow)
        self._entered: list[str] = []
        self._left = _MOST_IN_ALL

    def best(self, route: Route, ways: Sequence[Path]) -> Skeleton:
        """The scenario along the first tried path that works; else the first path as far as its steps are known."""
        for way in ways:
            with suppress(Unknown, RetakeFlowError, Unmet):
                end = _end(way.moves[-1])
                given, when = self._needed_steps(way, route, end)
                return Skeleton(route, given, when, end)
        return self._scenario_start(route, ways[0])

    def _scenario_start(self, route: Route, way: Path) -> Skeleton:
        """The scenario up to the state before the transition."""
        move = way.moves[-1]
        missing = f"what makes {move.source} take `{move.occurrence.name or 'always'}` to {_end(move)}"
        conditions = [*([guard(route)] if route.when else []), *(f"not ({each.text})" for each in move.refused)]
        if conditions:
            missing += f" while `{' and '.join(conditions)}`"
        given: Sequence[Line] = ()
        when: Sequence[Line] = ()
        before = Path(way.moves[:-1])
        self._entered = self._at_once()
        with suppress(Unknown, RetakeFlowError, Unmet):
            given, when = self._needed_steps(before, before.moves[-1].route, move.source)
        times = self._entered.count(_end(move)) + 1
        return Skeleton(route, given, when, _end(move), " ".join(missing.split()), times)

    def _at_once(self) -> list[str]:
        """The states that a run reaches at once, without any further step."""
        trial = Trial(Premise(self._flow, dict(self._inputs), machine=self._coverage.machine), _MOST_RECORDS)
        try:
            with suppress(RetakeFlowError, Unmet):
                trial.begin()
            return entered_states(trial)
        finally:
            trial.close()

    def _needed_steps(self, way: Path, route: Route | None, end: str) -> tuple[Sequence[Line], Sequence[Line]]:
        """The steps along a path, without those that were not needed when it was tried.

        Raises:
            Unknown: No steps are known, or they lead elsewhere.
            Unmet: They lead elsewhere.
            RetakeFlowError: They cannot be taken.
        """
        if self._left < 0:
            raise Unknown(end)
        script = Script(self._flow, self._inputs, way)
        self._coverage.clear()
        trial = Trial(Premise(self._flow, dict(self._inputs), machine=self._coverage.machine), _MOST_RECORDS)
        try:
            for line in (*script.given, _RUN):
                line.do(trial)
            when = list(_take_needed(trial, script.when[:-1]))
            for line in script.when[-1:]:
                if route is None or not self._coverage.is_taken(route):
                    line.do(trial)
                    when.append(line)
            self._entered = entered_states(trial)
            if (route is not None and not self._coverage.is_taken(route)) or end not in self._entered:
                raise Unknown(end)
            return script.given, when
        finally:
            self._left -= len(trial.journal) + _A_TRIAL
            trial.close()


def _take_needed(trial: Trial, lines: Sequence[Line]) -> Iterator[Line]:
    """Take steps, except waits for a state that was reached by itself."""
    seen = 0
    reached: set[str] = set()  # since the last step that does not wait
    for line in lines:
        reached.update(r["state"] for r in trial.journal[seen:] if r["event"] == "state_entered")
        seen = len(trial.journal)
        if line.until and (trial.within(line.until) or line.until in reached):
            continue
        if not line.until:
            reached.clear()
        line.do(trial)
        yield line


def _end(move: Move) -> str:
    return move.target or move.source
