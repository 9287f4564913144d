"""Action specifications: the declared inputs, outcomes and results of the actions that flows name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from retake_flow.flow.model import ActionState, Activity, Flow, OwnAction, State
from retake_flow.flow.state_parts import Retry
from retake_flow.quick_dataclasses import dataclass, field


class Idempotency(StrEnum):
    """Whether an action may be repeated when it is unknown whether it was done."""

    SAFE = "safe"  # a repeat changes nothing, or only adds one more of the same
    VERIFY = "verify"  # first check whether it happened
    ONCE = "once"  # never repeated automatically


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """The declaration of one action.

    Attributes:
        name: `group.action`, as flows write it.
        inputs: JSON Schema properties of `with:`; those with neither `default` nor `optional` are required.
        outcomes: Its possible ends besides an error; a service has `ready` and `exited`.
        result: JSON Schema properties of its result.
        errors: The known kinds of error it can raise (`error.KIND`).
        retry: How it is retried after an error, unless the flow says so.
        service: Whether it runs until it is stopped or dies.
        beside: Whether a state goes on without this service: its end and its failure need no route, and lead nowhere
            without one.
        optional: The inputs that may be left out although they have no default.
        one_of: Inputs of which exactly one is given.
        exclusive: Inputs of which at most one is given.
        programs: The programs that must be installed for it.
        pace: The shortest and longest pause between repetitions, in seconds, that the platform asks for.
        public: The inputs that anybody can read on the platform, besides `says`.
        requests: The calls to the platform that it makes each time, as the guide names them (`POST /agent/rtmp`).
        occasional: The calls that it makes occasionally, with the occasion (`when somebody new writes`).
        samples: Sample values of its result, for plans; the rest follows from the types.
        events: The events that it can raise as an activity, each with the JSON Schema properties of its fields.
    """

    name: str
    summary: str
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ("done",)
    result: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    idempotency: Idempotency = Idempotency.SAFE
    retry: Retry | None = None
    service: bool = False
    beside: bool = False
    optional: frozenset[str] = frozenset()
    one_of: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()
    programs: tuple[str, ...] = ()
    pace: tuple[float, float] | None = None
    public: frozenset[str] = frozenset()
    requests: tuple[str, ...] = ()
    occasional: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    samples: Mapping[str, Any] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def required_inputs(self) -> tuple[str, ...]:
        """The inputs that a flow must give."""
        return tuple(n for n, s in self.inputs.items() if "default" not in s and n not in self.optional)

    def with_defaults(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Inputs as an action gets them.

        One that is omitted, or given as None, has its default; a mapping has those of the fields that it omits.
        """
        complete = dict(given)
        for name, schema in self.inputs.items():
            default, value = schema.get("default"), given.get(name)
            if value is None and default is not None:
                complete[name] = default
            elif isinstance(default, Mapping) and isinstance(value, Mapping):
                complete[name] = {**default, **value}
        return complete


Catalogue = Mapping[str, ActionSpec]


#: The catalogue of the flow that was asked about last.
_latest: list[tuple[Flow, Catalogue, Catalogue]] = []


def with_own(flow: Flow, catalogue: Catalogue) -> Catalogue:
    """The catalogue with the actions that a flow declares; the same object for the same flow and catalogue."""
    if not flow.actions:
        return catalogue
    if not _latest or _latest[0][0] is not flow or _latest[0][1] is not catalogue:
        own = {name: spec_of(action, catalogue) for name, action in flow.actions.items() if action.do in catalogue}
        _latest[:] = [(flow, catalogue, {**catalogue, **own})]
    return _latest[0][2]


def spec_of(action: OwnAction, catalogue: Catalogue) -> ActionSpec:
    """The spec of an action that a flow declares."""
    base = catalogue[action.do]
    return ActionSpec(
        action.name,
        action.description or f"Does {action.do} as this flow configures it.",
        inputs=action.inputs,
        optional=frozenset(name for name, schema in action.inputs.items() if schema.get("optional")),
        outcomes=base.outcomes if base.service else action.outcomes,
        result=action.result or base.result,
        errors=base.errors if base.service else (*base.errors, "unexpected_result"),
        idempotency=Idempotency.SAFE if action.safe else Idempotency.ONCE,
        retry=base.retry,
        service=base.service,
        public=frozenset(action.inputs),
        samples={} if action.result else base.samples,
    )


def names_of(flow: Flow, do: str, inputs: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """An action with its inputs under each of its names: its own, and those of what it configures."""
    yield do, inputs
    if do in flow.actions:
        do, inputs = flow.actions[do].do, flow.actions[do].given
        yield do, inputs
    if do == "program.lines":
        yield "program.run", inputs  # as flows write it


def retry_of(doing: ActionState | Activity, catalogue: Catalogue) -> Retry | None:
    """The retry of a state's or an activity's action: from the flow, else from the action's declaration."""
    spec = catalogue.get(doing.do)
    return spec.retry if doing.retry is None and spec is not None else doing.retry


def with_retries(flow: Flow, catalogue: Catalogue) -> Flow:
    """The flow with the retry filled in for each state and activity."""
    return replace(flow, states={path: _with_retries(state, catalogue) for path, state in flow.states.items()})


def _with_retries(state: State, catalogue: Catalogue) -> State:
    changed = {
        name: replace(activity, retry=retry_of(activity, catalogue)) for name, activity in state.activities.items()
    }
    if isinstance(state, ActionState) and (retry := retry_of(state, catalogue)) is not state.retry:
        state = replace(state, retry=retry)
    return state if changed == state.activities else replace(state, activities=changed)
