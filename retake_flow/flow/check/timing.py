"""Checks the times of a flow: those that never come, and paces that the platform does not allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retake_flow.flow import calendar, duration
from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.flow.check.dataflow.symbols import Declarations
from retake_flow.flow.check.references import mentions
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.duration import exact
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.expressions.type_inference import Typed, describe_types
from retake_flow.flow.model import (
    ActionState,
    Activity,
    Flow,
    QuestionState,
    State,
    SubFlowState,
    WaitState,
    askers,
    performers,
)
from retake_flow.flow.names import is_within
from retake_flow.flow.state_parts import NUMBERS, TIMES, Ask, Poll, Retry

_DURATIONS = frozenset({"string", "integer", "number"})


def problems(flow: Flow, catalogue: Catalogue, declarations: Declarations, typed: Typed) -> Iterator[Problem]:
    """Problems with times that are known before a run: literal ones and the defaults of inputs."""
    known = _Known(flow, declarations)
    for state in flow.states.values():
        yield from _duration_problems(state, typed, known)
        yield from _retry_problems(state, known)
        yield from _own_problems(state, known)
        yield from _outer_problems(flow, state, known)
        for asker, ask in askers(state):
            yield from _question_problems(ask, asker, known)
        if isinstance(state, ActionState) and state.poll is not None:
            yield from _pace_problems(state, catalogue.get(state.do), known, every=state.poll.every)
        for activity in state.activities.values():
            spec = catalogue.get(activity.do)
            yield from _pace_problems(activity, spec, known, every=activity.every, quiet=activity.quiet)


class _Known:
    """Knows the seconds of the durations of a flow that are known before a run."""

    def __init__(self, flow: Flow, declarations: Declarations) -> None:
        self._flow = flow
        self._declarations = declarations

    def __call__(self, value: Any, root: str) -> float | None:
        """The seconds of a duration; None if only known in a run."""
        return self.literal_seconds(self.value(value, root))

    def value(self, value: Any, root: str) -> Any:
        """The value of a time when its input keeps its default; None if only known in a run."""
        return self._input(value, root)[0] if isinstance(value, Expression) else value

    def whose(self, value: Any, root: str) -> str:
        """The path of the sub-flow that determines a time, such as by giving its input; "" is the flow itself."""
        return self._input(value, root)[1] if isinstance(value, Expression) else root

    @staticmethod
    def literal_seconds(value: Any) -> float | None:
        """The seconds of a literal duration."""
        try:
            return None if value is None or isinstance(value, Expression) else duration.seconds(value)
        except ValueError:
            return None

    def _input(self, written: Expression, root: str) -> tuple[Any, str]:
        """The default of the input that is the whole expression."""
        used = mentions(written)
        if len(used) != 1 or used[0].chain[0] != "inputs" or not _is_bare_name(written, used[0].chain):
            return None, root
        name = ".".join(used[0].chain[1:])
        state = self._flow.states.get(root)
        if isinstance(state, SubFlowState) and name in state.inputs:
            given = state.inputs[name]
            return self._input(given, state.root) if isinstance(given, Expression) else (given, state.root)
        declared = self._declarations.inputs(root).get(name)
        if declared is None:
            return None, root
        return declared.schema.get("value", declared.schema.get("default")), root


def _is_bare_name(written: Expression, chain: tuple[str, ...]) -> bool:
    return written.text.strip().removeprefix("{{").removesuffix("}}").strip() == ".".join(chain)


# --- what never comes ---------------------------------------------------------------------------------------


def _retry_problems(state: State, known: _Known) -> Iterator[Problem]:
    """A state that ends before all its retries can happen."""
    if not isinstance(state, ActionState) or state.retry is None:
        return
    polled = state.poll.timeout if state.poll else None
    for what, limit in (("timeout", known(state.timeout, state.root)), ("poll's timeout", known(polled, state.root))):
        if limit is not None and state.retry.is_constant and (lasts := _lasts(state.retry)) > limit:
            message = f"{state.name!r} would try again for {exact(lasts)}, but its {what} is over after {exact(limit)}"
            yield Problem(state.position, "RF080", message, "retry less often or sooner, or wait longer")
            return


def _lasts(retry: Retry) -> float:
    waits = sum(retry.wait(number) for number in range(1, retry.max + 1))
    return waits if retry.within is None else min(waits, retry.within)


def _own_problems(state: State, known: _Known) -> Iterator[Problem]:
    """Times of a state that lie after its own end."""
    root, limit = state.root, known(state.timeout, state.root)
    if isinstance(state, WaitState):
        yield from _never_comes(state.position, "the wait", known(state.wait, root), limit, "the state's timeout")
    if isinstance(state, ActionState) and state.poll is not None:
        polls = known(state.poll.timeout, root)
        yield from _never_comes(state.position, "the poll's timeout", polls, limit, "the state's timeout")
        for what, value in (("delay", state.poll.delay), ("pause", state.poll.every)):
            first = limit if polls is None else polls if limit is None else min(polls, limit)
            yield from _never_comes(state.position, f"the poll's {what}", known(value, root), first, "its timeout")


def _question_problems(ask: Ask, asker: State | Activity, known: _Known) -> Iterator[Problem]:
    # Only literal timeouts: if an input sets the timeout, the reminders are meant for the longest possible one.
    limit = known.literal_seconds(ask.timeout)
    for what, values in (("a reminder", ask.remind), ("an escalation", [later.after for later in ask.escalate])):
        for value in values:
            yield from _never_comes(asker.position, what, known.literal_seconds(value), limit, "the question's timeout")


def _outer_problems(flow: Flow, state: State, known: _Known) -> Iterator[Problem]:
    """Times of a state that lie after the end of a state around it in the same flow.

    A sub-flow serves flows of any length, so its own times are no mistake of the flow around it; times given to it
    are.
    """
    times: list[tuple[str, Any]] = [("the timeout", state.timeout)]
    match state:
        case WaitState():
            times.append(("the wait", state.wait))
        case QuestionState():
            times.append(("the question's timeout", state.ask.timeout))
        case ActionState(poll=Poll(timeout=limit)):
            times.append(("the poll's timeout", limit))
    said = [(what, known(value, state.root), known.whose(value, state.root)) for what, value in times]
    if all(time is None for _, time, _ in said):
        return
    for outer in list(flow.around(state.path))[1:]:
        limit = known(outer.timeout, outer.root)
        by = f"the timeout of {outer.name!r}"
        theirs = [(what, time) for what, time, whose in said if is_within(outer.root, whose)]
        found = [problem for what, time in theirs for problem in _never_comes(state.position, what, time, limit, by)]
        if found:
            yield found[0]
            return


def _never_comes(position: Position, what: str, time: float | None, limit: float | None, by: str) -> Iterator[Problem]:
    if time is not None and limit is not None and time > limit:
        message = f"{what}, {exact(time)}, never comes: {by}, {exact(limit)}, is over before"
        yield Problem(position, "RF081", message, "make the inner time shorter, or the outer one longer")


def _duration_problems(state: State, typed: Typed, known: _Known) -> Iterator[Problem]:
    """Expressions that give something other than a duration where one is needed."""
    own: Any = ()
    match state:
        case WaitState():
            own = state.wait
        case ActionState(poll=Poll() as poll):
            own = (poll.every, poll.delay, poll.timeout)
    retries = [doing.retry.values for doing in performers(state) if doing.retry is not None]
    beside: list[Any] = [each for a in state.activities.values() for each in (a.every, a.quiet, a.delay)]
    beside += [values.get(name) for values in retries for name in TIMES]
    yield from _number_problems(retries, typed)
    yield from _calendar_problems(state, own, known)
    times = [time for time in (own, state.timeout) if not isinstance(time, Mapping)]
    for expression in templates([times, beside, [ask.times for _, ask in askers(state)]]):
        given = typed(expression)
        if given is not None and not given & _DURATIONS:
            message = f"a duration is needed here, and {expression.text!r} gives {describe_types(given)}"
            yield Problem(expression.position, "RF043", message, "write for example 30s, 3m, 1h30m or 500ms")
            continue
        value = known.value(expression, state.root)
        if value is not None and not isinstance(value, Expression) and known.literal_seconds(value) is None:
            message = f"a duration is needed here, and {expression.text!r} gives something else"
            hint = "give the input `format: duration`, and a value such as 30s, 3m, 1h30m or 500ms"
            yield Problem(expression.position, "RF043", message, hint)


def _number_problems(retries: Iterable[Mapping[str, Any]], typed: Typed) -> Iterator[Problem]:
    """Expressions in retries that give something other than a number where one is needed."""
    for values in retries:
        for name in NUMBERS:
            for expression in templates(values[name]):
                given = typed(expression)
                if given is not None and not given & {"integer", "number"}:
                    message = f"`{name}` needs a number, and {expression.text!r} gives {describe_types(given)}"
                    yield Problem(expression.position, "RF043", message, "use a value that is a number")


def _calendar_problems(state: State, wait: Any, known: _Known) -> Iterator[Problem]:
    """Times of the calendar that cannot be read with the defaults of the inputs in them."""
    for time in (wait, state.timeout):
        if not isinstance(time, Mapping) or not (expressions := list(templates(time))):
            continue
        filled = {key: known.value(part, state.root) for key, part in time.items()}
        try:
            if all(isinstance(part, str) for part in filled.values()):
                calendar.next_time(filled, 0.0)
        except ValueError as error:
            yield Problem(expressions[0].position, "RF043", str(error), "give the input another default")


# --- pace ---------------------------------------------------------------------------------------------------


def _pace_problems(who: State | Activity, spec: ActionSpec | None, known: _Known, **times: Any) -> Iterator[Problem]:
    """Repetitions that are faster or slower than the platform asks for."""
    if spec is None or spec.pace is None:
        return
    fastest, slowest = spec.pace
    for key, value in times.items():
        time = known(value, who.root)
        if time is not None and not fastest <= time <= slowest:
            asked = f"at least {exact(fastest)}" if time < fastest else f"at most {exact(slowest)}"
            message = f"{who.name!r} repeats {spec.name} `{key}` {exact(time)}; the platform asks for {asked}"
            yield Problem(who.position, "RF082", message, f"write `{key}: {exact(max(fastest, min(time, slowest)))}`")
