"""A plan: what would happen in a run, step by step, in terms that need no knowledge of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from retake_flow.errors import ExpressionError
from retake_flow.flow.action_spec import ActionSpec, Catalogue, retry_of
from retake_flow.flow.duration import seconds
from retake_flow.flow.expressions.expression import Expression, render
from retake_flow.flow.load.functions import called_function
from retake_flow.flow.model import ActionState, FinalState, Flow
from retake_flow.flow.state_parts import Poll, Retry
from retake_flow.redact import scrub
from retake_flow.run.answers import schema
from retake_flow.run.commands import Leave, StartAction, StartActivity
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.records import masked
from retake_flow.run.run import PendingUndo, Run
from retake_flow.whatif.plan.assumptions import Prospect

#: How often a plan follows the entry of a state or the attempts of an action before it stops.
MOST_TURNS: Final = 100
#: More repetitions than this are shown in one step.
SHOWN_ALONE: Final = 2
_TELL: Final = "operator.tell"
#: The fields of a program that ends by itself at once; the call that it serves has the outcome.
_OF_A_MOMENT: Final = ("action", "activity", "every", "quiet", "delay", "attempt")


class Kind(StrEnum):
    """The kind of a step."""

    STATE = "state"  # is entered
    REQUEST = "request"  # a call to the platform
    PROCESS = "process"  # a program starts
    ENDED = "process_ended"  # programs are ended, or end by themselves
    ACTION = "action"  # neither calls nor starts a program
    TELL = "tell"  # a person is told something
    SCENE = "scene"  # the stage changes its scene
    QUESTION = "question"  # a person is asked
    TIMER = "timer"  # begins (`wait`) or has come due
    RETRY = "retry"  # an error, then a retry
    EVENT = "event"  # comes from outside, or from an activity
    REPEATED = "repeated"  # earlier steps happen again and again


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would happen.

    Attributes:
        t: When, in seconds since the start.
        state: The path of its state; "" for the flow itself.
    """

    t: float
    kind: Kind
    state: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen in a run.

    Attributes:
        ended: The outcome; None if nothing more would happen by itself.
        t: The time of that, in seconds since the start.
        expects: The events that would continue it, if it has not ended.
        assumed: The assumptions, as written, each with the place that it applied to.
    """

    flow: str
    steps: tuple[Step, ...]
    ended: str | None
    t: float
    state: str
    reason: str = ""
    expects: tuple[str, ...] = ()
    assumed: Mapping[str, str] = field(default_factory=dict)

    @property
    def states(self) -> tuple[str, ...]:
        """The states that the plan enters, in order, each once."""
        return tuple(dict.fromkeys(step.state for step in self.steps if step.kind is Kind.STATE))

    def of(self, kind: Kind) -> Iterator[Step]:
        """The steps of this kind."""
        return (step for step in self.steps if step.kind is kind)


class StepLog:
    """Records steps.

    Attributes:
        run: The run so far.
        now: The current time, in seconds since the start.
    """

    def __init__(self, flow: Flow, catalogue: Catalogue, run: Run) -> None:
        self.run = run
        self.now = 0.0
        self._flow = flow
        self._catalogue = catalogue
        self._programs: dict[str, tuple[str, ...]] = {}
        self._kept: list[Step] = []
        self._again: list[Step] = []
        self._entered = run.state

    @property
    def steps(self) -> tuple[Step, ...]:
        """The recorded steps."""
        return (*self._kept, *self._fold())

    # --- steps ---------------------------------------------------------------------------------------------

    def enter(self, path: str, visit: int) -> None:
        """Record that a state is entered."""
        state = self._flow.states[path]
        self._entered = path
        outcome = {"outcome": state.final} if isinstance(state, FinalState) else {}
        self._add(Kind.STATE, path, {"visit": visit, "is": state.kind, **outcome}, visit)

    def action(self, command: StartAction, prospect: Prospect) -> None:
        """Record that the action of a state is performed."""
        state = self._flow.states[command.state]
        more: dict[str, Any] = {}
        if isinstance(state, ActionState):
            more = {"poll": _poll(state.poll)} if state.poll else {}
            more |= _retry(retry_of(state, self._catalogue))
        self._perform(command.state, command.do, command.inputs, prospect, command.attempt, more)

    def activity(self, command: StartActivity, prospect: Prospect, attempt: int) -> None:
        """Record that a task begins or a service starts."""
        scope, _, _ = command.activity.rpartition(":")
        pace = {"every": command.every, "quiet": command.quiet, "delay": command.delay or None}
        more = {"activity": command.activity, **{name: value for name, value in pace.items() if value is not None}}
        more |= _retry(command.retry)
        self._perform(scope, command.do, command.inputs, prospect, attempt, more)
        if self._catalogue[command.do].service:
            self._programs[command.activity] = self._goes_out(command.do, command.inputs)[0]

    def end(self, key: str, why: str, attempt: int) -> None:
        """Record that a program ended by itself, or could not be started."""
        programs = list(self._programs.pop(key, ()))
        facts = {"activity": key, "programs": programs, "why": why}
        self._add(Kind.ENDED, key.rpartition(":")[0], facts, _turn(attempt))

    def question(self, gate: Gate, answer: Answer | None, reminder: float | None) -> None:
        """Record that a person is asked.

        `answer` is None if nobody answers; `reminder` is in seconds until the first one, if any.
        """
        answered = None
        if answer is not None:
            fields = gate.visible_fields(answer)
            answered = {"decision": answer.decision, **({"fields": masked(fields)} if fields else {})}
        facts: dict[str, Any] = {"message": masked(gate.message), "schema": schema(gate), "answered": answered}
        scope, colon, _ = gate.place.rpartition(":")
        if colon:
            facts["activity"] = gate.place
        if gate.due is not None:
            facts["timeout"] = gate.due - gate.opened_at
        if reminder is not None:
            facts["remind"] = reminder
        self._add(Kind.QUESTION, scope or gate.place, facts)

    def timer(self, place: str, purpose: str, **facts: Any) -> None:
        """Record that a timer begins or comes due."""
        about = {"activity": place} if ":" in place else {}
        self._add(Kind.TIMER, place.partition(":")[0], {"purpose": purpose, **about, **facts})

    def retry(self, path: str, failures: int, after: float) -> None:
        """Record that an action is to be retried."""
        self._add(Kind.RETRY, path, {"after": after}, _turn(failures))

    def event(self, name: str, **facts: Any) -> None:
        """Record an event that the flow reacts to."""
        self._add(Kind.EVENT, self.run.state, {"event": name, **facts})

    def notice(self, message: str) -> None:
        """Record that an effect notifies the operator."""
        self._add(Kind.TELL, self._entered, {"says": masked(message)})

    def scene(self, name: str) -> None:
        """Record that the stage changes its scene."""
        self._add(Kind.SCENE, self._entered, {"scene": name})

    def leave(self, command: Leave) -> None:
        """Record that a state is left: its programs end, its undos are performed."""
        prefix = command.state + ":"
        gone = [key for key in self._programs if key.startswith(prefix)]
        programs = [program for key in reversed(gone) for program in self._programs.pop(key)]
        if programs:
            self._add(Kind.ENDED, command.state, {"programs": programs})
        for undo in command.undos:
            self._undo(undo)

    # --- in words -----------------------------------------------------------------------------------------

    def _perform(
        self,
        path: str,
        do: str,
        inputs: Mapping[str, Any],
        prospect: Prospect,
        attempt: int,
        more: Mapping[str, Any],
    ) -> None:
        spec = self._catalogue[do]
        facts: dict[str, Any] = {"action": do, **more, "attempt": attempt}
        facts |= {**_given_inputs(spec, inputs), **_end(prospect)}
        facts |= {"may": dict(spec.occasional)} if spec.occasional else {}
        turn = _turn(attempt)
        if not prospect.begun:
            self._add(Kind.ACTION, path, facts, turn)
            return
        programs, requests = self._goes_out(do, inputs)
        if programs:
            kept = {key: value for key, value in facts.items() if spec.service or key in _OF_A_MOMENT}
            self._add(Kind.PROCESS, path, {"programs": list(programs), "lasts": spec.service, **kept}, turn)
        for call in requests:
            self._add(Kind.REQUEST, path, {"call": call, **facts}, turn)
        if not (spec.service or requests):
            self._add(Kind.TELL if do == _TELL else Kind.ACTION, path, facts, turn)

    def _undo(self, undo: PendingUndo) -> None:
        facts = {"action": undo.do, "undo": undo.state, **_given_inputs(self._catalogue[undo.do], undo.inputs)}
        programs, requests = self._goes_out(undo.do, undo.inputs)
        for program in programs:
            self._add(Kind.PROCESS, undo.scope, {"programs": [program], "lasts": False, **facts})
        for call in requests:
            self._add(Kind.REQUEST, undo.scope, {"call": call, **facts})
        if not requests:
            self._add(Kind.TELL if undo.do == _TELL else Kind.ACTION, undo.scope, facts)

    def _goes_out(self, do: str, inputs: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The programs that an action runs, and the requests that it sends."""
        spec, own = self._catalogue[do], self._flow.actions.get(do)
        if own is not None:
            try:
                do, inputs = own.do, render(own.given, {"inputs": {**dict.fromkeys(own.inputs), **inputs}})
            except ExpressionError:
                do, inputs = own.do, own.given
        programs, requests = spec.programs, spec.requests
        if do == "http.request" and not requests:
            requests = (scrub(f"{inputs.get('method', 'GET')} {inputs.get('url', '')}"),)
        if do in ("program.run", "program.lines") and not programs:
            command = inputs.get("command") or [""]
            programs = (scrub(called_function(command) or str(command[0])),)
        return programs, requests

    # --- repetitions ---------------------------------------------------------------------------------------

    def _add(self, kind: Kind, state: str, facts: Mapping[str, Any], turn: int = 1) -> None:
        step = Step(round(self.now, 3), kind, state, facts)
        if max(turn, self.run.visits.get(self.run.state, 0)) > SHOWN_ALONE:
            self._again.append(step)
            return
        self._kept += self._fold()
        self._again = []
        self._kept.append(step)

    def _fold(self) -> Iterable[Step]:
        """The repeated steps, as one step; unchanged if they came only once."""
        entered = [step.state for step in self._again if step.kind is Kind.STATE]
        tried = [step.state for step in self._again if "attempt" in step.facts]
        turns = max(map(entered.count, set(entered)), default=len(tried))
        if turns < SHOWN_ALONE:
            return self._again
        first, last = self._again[0], self._again[-1]
        followed = all(step.facts.get("attempt", 0) < MOST_TURNS for step in self._again)
        facts = {"times": turns if followed else None, "until": last.t, "states": list(dict.fromkeys(entered))}
        return (replace(first, kind=Kind.REPEATED, facts=facts),)


def _turn(attempt: int) -> int:
    """The turn that a step counts as: the first attempt is its own step, all retries are shown in one."""
    return SHOWN_ALONE + 1 if attempt > 1 else 1


def _given_inputs(spec: ActionSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: masked(value) for name, value in inputs.items() if value is not None}
    says = {"says": str(given[spec.says])} if spec.says in given else {}
    return {**says, **({"with": given} if given else {})}


def _end(prospect: Prospect) -> dict[str, Any]:
    answer: dict[str, Any] = {"outcome": prospect.outcome}
    if prospect.telling:
        answer["result"] = masked(prospect.telling)
    if prospect.failure is not None:
        answer["message"] = prospect.failure.message
    return answer


def _poll(poll: Poll) -> dict[str, Any]:
    times = {"every": poll.every, "timeout": poll.timeout}
    return {"until": poll.until.text, **{name: _time(value) for name, value in times.items() if value is not None}}


def _retry(retry: Retry | None) -> dict[str, Any]:
    if retry is None:
        return {}
    values = {"max": retry.max, "interval": retry.interval, "rate": retry.rate, "cap": retry.cap}
    if retry.per_try is not None:
        values["per_try"] = retry.per_try
    return {"retry": {name: getattr(value, "text", value) for name, value in values.items()}}


def _time(value: Any) -> Any:
    """The seconds of a duration; the expression as written if it depends on the run."""
    return value.text if isinstance(value, Expression) else seconds(value)
