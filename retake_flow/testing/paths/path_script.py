"""Steps that lead a run along a path: results of actions, answers of people, and waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import fault_of
from retake_flow.flow.action_spec import Catalogue, retry_of, with_own
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.fields import Declared, is_required
from retake_flow.flow.graph.transition_graph import Move
from retake_flow.flow.model import ActionState, Activity, Flow, QuestionState, State
from retake_flow.flow.state_parts import Ask
from retake_flow.testing.gherkin.cells import cell
from retake_flow.testing.paths.paths import Path, WantedGuard, solve
from retake_flow.testing.paths.paths import inputs as chosen_inputs
from retake_flow.testing.runs.trial import Trial
from retake_flow.whatif.plan.samples import sample, with_samples
from retake_flow.whatif.simulate.mocks import kinds

Values = Mapping[str, Any]
#: The person who answers questions.
WHO: Final = "ann"


class Unknown(Exception):
    """No steps are known that lead a run along this path."""


@dataclass(frozen=True, slots=True)
class Line:
    """A step and its effect.

    Attributes:
        text: The text with its keyword.
        do: Performs it.
        table: A name and a value in each row.
        until: The state that it waits for; the step is needed only if the state has not been reached.
    """

    text: str
    do: Callable[[Trial], None]
    table: Values = field(default_factory=dict)
    until: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """One result of an action; with `outcome` "" it never ends.

    Attributes:
        failures: How often it fails, since it is retried.
    """

    outcome: str
    values: Values = field(default_factory=dict)
    failures: int = 0


class Script:
    """The steps of one path.

    Attributes:
        given: The steps before the flow is run.
        when: The steps after it.
    """

    def __init__(self, flow: Flow, inputs: Values, way: Path) -> None:
        """Write the steps.

        Raises:
            Unknown: No steps are known for some move.
        """
        self._flow = flow
        self._catalogue = with_own(flow, CATALOGUE)
        self._answers: defaultdict[str, list[_Answer]] = defaultdict(list)
        chosen = self._choose_inputs(inputs, way)
        self._known = {"inputs": {**_defaults(flow), **inputs, **chosen}, "vars": {}}
        self.given: list[Line] = [*_inputs(flow, {**inputs, **chosen}), *(_input(*each) for each in chosen.items())]
        self.when: list[Line] = []
        for move in way.moves[1:]:
            self._move(move)
        if way.moves[1:]:
            last = way.moves[-1]
            self._until(last.target or last.source)
        self.given += self._mocks()

    def _choose_inputs(self, inputs: Values, way: Path) -> Values:
        """The inputs to set for the guards on a path."""
        wanted = [guard for move in way.moves for guard in self._asked_of(move)]
        free = {name: each.schema for name, each in self._flow.inputs.items() if name not in inputs}
        return chosen_inputs(wanted, free, {**_defaults(self._flow), **inputs})

    def _asked_of(self, move: Move) -> Iterator[WantedGuard]:
        """The guards of a move in the flow itself, and the conditions for its event to be raised."""
        if move.route is not None and not move.route.root:
            yield from move.guards
        scope, _, own = move.occurrence.place.rpartition(":")
        if scope and not self._flow.states[scope].root:
            raised = dict(self._flow.states[scope].activities[own].raises)
            if move.occurrence.name in raised:
                yield raised[move.occurrence.name], True

    # --- moves --------------------------------------------------------------------------------------------

    def _move(self, move: Move) -> None:
        place, name = move.occurrence.place, move.occurrence.name
        state = self._flow.states[move.source]
        wanted = move.guards
        if not name:
            return
        if ":" in place:
            self._stay(state)
            scope, _, own = place.rpartition(":")
            self._activity(state, self._flow.states[scope].activities[own], name, wanted)
        elif not place:
            self._stay(state)
            self._outside(state, name, wanted)
        elif name == "timeout":
            self._stay(state)
            self._silence_repeated(state)
        elif isinstance(state, QuestionState):
            self._answer(state, state.path, state.ask, name, wanted)
        elif isinstance(state, ActionState):
            self._finish(state, name, wanted)

    def _stay(self, state: State) -> None:
        """Keep an action from ending, since something else happens first."""
        if isinstance(state, ActionState):
            self._answers[state.path].append(_Answer(""))

    def _silence_repeated(self, state: State) -> None:
        """Keep repeated activities quiet, since a timer may take long to expire."""
        for around in self._flow.around(state.path):
            for activity in around.activities.values():
                if activity.every is not None:
                    self._answers[activity.key].append(_Answer(""))

    def _finish(self, state: ActionState, name: str, wanted: Sequence[WantedGuard]) -> None:
        spec = self._catalogue[state.do]
        if name in spec.outcomes:
            values = solve(wanted, "result", spec.result, self._known)
            self._answers[state.path].append(_Answer(name, _solution(values)))
        else:
            self._fail(state.path, name.removeprefix("error."), wanted, _retries(state, self._catalogue))

    def _fail(self, place: str, kind: str, wanted: Sequence[WantedGuard], retries: int) -> None:
        event = {"name": f"error.{kind}", "kind": kind, "fault": fault_of(kind), "message": kind}
        if kind not in kinds() or solve(wanted, "event", {}, {"event": event}) is None:
            raise Unknown(kind)
        self._answers[place].append(_Answer(f"error.{kind}", failures=retries + 1))

    def _activity(self, state: State, activity: Activity, name: str, wanted: Sequence[WantedGuard]) -> None:
        end = name.removeprefix(activity.name + ".")
        raised = dict(activity.raises)
        if activity.ask is not None:
            if end != "timeout":
                self._answer(state, activity.key, activity.ask, end, wanted)
        elif activity.do and end in self._catalogue[activity.do].events:
            self._receive(state, end, self._catalogue[activity.do].events[end], wanted)
        elif name in raised:
            spec = self._catalogue[activity.do]
            values = _solution(solve([(raised[name], True), *wanted], "result", spec.result, self._known))
            outcome = _outcome(raised[name], spec.outcomes)
            self._answers[activity.key].append(_Answer(outcome, values))
        elif "error." in end:
            kind = end.rpartition(".")[2]
            self._fail(activity.key, kind, wanted, _retries(activity, self._catalogue))
        elif end == "exited" and activity.retry is not None:
            key = activity.key
            self.given.append(Line(f"Given {key} exits after 1s", lambda trial: trial.answers.exits(key, 1.0)))
        elif end == "exited":
            self._until(state.path)
            exits = {"result": {"state": activity.key, "outcome": "exited"}}
            self.when.append(Line(f"When {activity.key} exits", lambda trial: trial.apply(exits)))

    def _outside(self, state: State, name: str, wanted: Sequence[WantedGuard]) -> None:
        if name == "stop":
            self._until(state.path)
            self.when.append(Line("When it is stopped", lambda trial: trial.apply({"event": "stop"})))
        elif name in self._flow.events:
            self._receive(state, name, self._flow.events[name], wanted)

    def _receive(self, state: State, name: str, fields: Mapping[str, Any], wanted: Sequence[WantedGuard]) -> None:
        """Raise an event from outside."""
        self._until(state.path)
        data = {
            **_samples(fields),
            **_solution(solve(wanted, "event", fields, {**self._known, "event": {"name": name, "source": "outside"}})),
        }
        text = f"When the event {name} comes{' with' if data else ''}"
        self.when.append(Line(text, lambda trial: trial.apply({"event": name, "data": data}), data))

    def _answer(self, state: State, place: str, ask: Ask, name: str, wanted: Sequence[WantedGuard]) -> None:
        self._until(state.path)
        decision = name if ask.decisions else ""
        fields = ask.decisions[decision] if ask.decisions else ask.fields
        data = {
            **_samples(fields),
            **_solution(solve(wanted, "result", fields, {**self._known, "result": {"decision": decision}})),
        }
        said = {"answer": {"gate": place, "decision": decision, "fields": data, "by": WHO}}
        text = f"When {WHO} answers {place}" + (f' with "{decision}"' if decision else "")
        self.when.append(Line(text, lambda trial: trial.apply(said), data))

    def _until(self, state: str) -> None:
        self.when.append(Line(f'When it goes on until "{state}"', lambda trial: trial.until(state), until=state))

    # --- results of actions ------------------------------------------------------------------------------

    def _mocks(self) -> Iterator[Line]:
        for place, answers in self._answers.items():
            usual = _Answer(self._catalogue[self._action(place)].outcomes[0])
            if all(answer == usual for answer in answers):
                continue
            for answer in answers[:-1]:
                yield _mock(place, answer, times=max(1, answer.failures))
            yield _mock(place, answers[-1])

    def _action(self, place: str) -> str:
        scope, _, own = place.rpartition(":")
        doing = self._flow.states[scope].activities[own] if scope else self._flow.states[place]
        return doing.do if isinstance(doing, ActionState | Activity) else ""


def _retries(doing: ActionState | Activity, catalogue: Catalogue) -> int:
    retry = retry_of(doing, catalogue)
    return retry.max if retry is not None and retry.is_constant else 0


def _mock(place: str, answer: _Answer, times: int = 0) -> Line:
    """The step that sets a result for the first so many times; 0 means always."""
    if not answer.outcome:
        if times:
            raise Unknown(place)  # it stays there the first time, and answers the next
        return Line(f"Given {place} never answers", lambda trial: trial.answers.never(place))
    count = f" {times} time{'s' if times > 1 else ''}" if times else ""
    kind = answer.outcome.removeprefix("error.")
    if kind != answer.outcome:
        return Line(
            f'Given {place} fails with "{kind}"{count}', lambda trial: trial.answers.fails(place, kind, times=times)
        )

    def gives(trial: Trial) -> None:
        trial.answers.gives(place, [answer.values], outcome=kind, times=times)

    return Line(f'Given {place} ends with "{kind}"{count}', gives, answer.values)


def _inputs(flow: Flow, inputs: Values) -> Iterator[Line]:
    """The steps that set the missing required inputs."""
    for name, declared in with_samples(flow).inputs.items():
        if declared.is_required and name not in inputs:
            yield _input(name, sample(name, declared.schema))


def _input(name: str, value: Any) -> Line:
    def give(trial: Trial) -> None:
        trial.premise.inputs[name] = value

    return Line(f"Given the input {name} is {cell(value)}", give)


def _defaults(flow: Flow) -> dict[str, Any]:
    """The values of inputs that are not set."""
    schemas = {name: declared.schema for name, declared in flow.inputs.items()}
    return {name: schema.get("value", schema.get("default")) for name, schema in schemas.items()}


def _samples(fields: Declared) -> dict[str, Any]:
    return {name: sample(name, schema) for name, schema in fields.items() if is_required(schema)}


def _solution(values: dict[str, Any] | None) -> dict[str, Any]:
    if values is None:
        raise Unknown("no values fit the guards")
    return values


def _outcome(condition: Expression, outcomes: tuple[str, ...]) -> str:
    """The outcome that raises an event: one that the condition names, or the usual one."""
    return next((outcome for outcome in outcomes if f"'{outcome}'" in condition.text), outcomes[0])
