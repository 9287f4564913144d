"""Checks how a flow uses and declares actions and sub-flows: inputs, places, and what would be done twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from retake_flow.flow import side_effects
from retake_flow.flow.action_spec import ActionSpec, Catalogue
from retake_flow.flow.check.asks import RESERVED
from retake_flow.flow.check.references import mentions
from retake_flow.flow.diagnostics import Position, Problem, did_you_mean
from retake_flow.flow.expressions.expression import Expression, templates
from retake_flow.flow.expressions.type_inference import Typed, describe_types, types_of_schema
from retake_flow.flow.fields import Declared, flaw, mismatch
from retake_flow.flow.graph.exit_entry_sets import explore
from retake_flow.flow.model import (
    ActionState,
    Activity,
    FinalState,
    Flow,
    Input,
    OwnAction,
    State,
    SubFlow,
    SubFlowState,
)


def problems(flow: Flow, catalogue: Catalogue, typed: Typed) -> Iterator[Problem]:
    """Problems with inputs, actions and sub-flows; `catalogue` has the flow's own actions too."""
    yield from _inputs(flow.inputs.values())
    for state in flow.states.values():
        yield from _inputs(state.sub.inputs.values() if isinstance(state, SubFlowState) else ())
        yield from _state(state, catalogue, typed)
        yield from _needs(flow, state, catalogue)
        for activity in state.activities.values():
            yield from _activity(activity, catalogue, typed)
    yield from _own_actions(flow, catalogue)
    yield from _repetitions(flow)


def _inputs(given: Iterable[Input]) -> Iterator[Problem]:
    for each in given:
        said = flaw(each.schema)
        if said:
            yield Problem(each.position, "RF044", f"the input {each.name!r} {said}")
            continue
        if any(_has_template(each.schema.get(key)) for key in ("value", "default")):
            message = f"the input {each.name!r} contains `{{{{`, but templates in inputs are not filled in"
            yield Problem(each.position, "RF044", message, "write the template where the input is used")
        elif "default" in each.schema:
            said = mismatch(each.schema["default"], each.schema)
            if said:
                yield Problem(each.position, "RF044", f"the default of the input {each.name!r} {said}")


def _has_template(value: Any) -> bool:
    """Whether a value looks like a template that was meant to be filled in."""
    if isinstance(value, Mapping):
        return any(map(_has_template, value.values()))
    return "{{" in value if isinstance(value, str) else isinstance(value, list) and any(map(_has_template, value))


# --- actions ------------------------------------------------------------------------------------------------


def _state(state: State, catalogue: Catalogue, typed: Typed) -> Iterator[Problem]:
    if isinstance(state, SubFlowState) and state.children:
        yield from _run_inside(state, state.sub, typed)
    if isinstance(state, FinalState) and not state.ends_flow and state.final in RESERVED:
        message = f"{state.path!r} ends the surrounding state with {state.final!r}, which is a built-in event"
        yield Problem(state.position, "RF046", message, "give that end another name")
    if not isinstance(state, ActionState):
        return
    yield from _use(state.do, state.inputs, state.position, catalogue, typed)
    if state.do in catalogue and catalogue[state.do].service:
        message = f"{state.do!r} runs until it is stopped, so it must be an activity, not the action of a state"
        yield Problem(state.position, "RF045", message, "put it under `activities:` of a state")
    if state.undo:
        yield from _use(state.undo.do, state.undo.inputs, state.position, catalogue, typed)
        if not state.parent:
            message = f"{state.path!r} has no surrounding state, so its undo waits for the end of the run"
            hint = "put the state, and those that depend on it, into a state with `states:`"
            yield Problem(state.position, "RF048", message, hint)


def _activity(activity: Activity, catalogue: Catalogue, typed: Typed) -> Iterator[Problem]:
    if activity.ask is not None:
        return
    yield from _use(activity.do, activity.inputs, activity.position, catalogue, typed)
    spec = catalogue.get(activity.do)
    if spec and spec.service and activity.every is not None:
        message = f"{activity.do!r} is a service, so it cannot be repeated with `every`"
        yield Problem(activity.position, "RF045", message)


def _use(
    name: str, inputs: Mapping[str, Any], position: Position, catalogue: Catalogue, typed: Typed
) -> Iterator[Problem]:
    spec = catalogue.get(name)
    if spec is None:
        hint = did_you_mean(name, catalogue, "`retake-flow actions` lists them")
        yield Problem(position, "RF040", f"there is no action {name!r}", hint)
        return
    yield from _given(spec, inputs, position, typed)


def _given(spec: ActionSpec, inputs: Mapping[str, Any], position: Position, typed: Typed) -> Iterator[Problem]:
    """Problems with the inputs given to an action."""
    yield from _input_problems(f"the action {spec.name!r}", inputs, spec.inputs, position, typed)
    yield from _missing_inputs(f"the action {spec.name!r}", inputs, spec.required_inputs, position)
    if spec.one_of and sum(each in inputs for each in spec.one_of) != 1:
        named = " or ".join(map(repr, spec.one_of))
        message = f"the action {spec.name!r} needs the input {named}, one of them"
        yield Problem(position, "RF042", message, "give only one")
    both = [each for each in spec.exclusive if each in inputs]
    if len(both) > 1:
        message = f"the action {spec.name!r} takes only one of {', '.join(both)}"
        yield Problem(position, "RF043", message, "leave the others out")


def _run_inside(state: SubFlowState, sub: SubFlow, typed: Typed) -> Iterator[Problem]:
    """Problems with the inputs and the ends of a sub-flow."""
    for outcome in sub.outcomes:
        if outcome in RESERVED or outcome.startswith("error."):
            message = f"a final state of the flow {sub.name!r} ends it with {outcome!r}, which is a built-in event"
            yield Problem(
                state.position, "RF046", message, "give that end another name if the flow runs inside another"
            )
    known = {name: given.schema for name, given in sub.inputs.items()}
    yield from _input_problems(f"the flow {sub.name!r}", state.inputs, known, state.position, typed)
    required = [name for name, given in sub.inputs.items() if given.is_required]
    yield from _missing_inputs(f"the flow {sub.name!r}", state.inputs, required, state.position)


def _missing_inputs(
    who: str, given: Mapping[str, Any], required: Iterable[str], position: Position
) -> Iterator[Problem]:
    """Required inputs that are not given."""
    for name in required:
        if name not in given:
            message = f"{who} needs the input {name!r}"
            yield Problem(position, "RF042", message, f"add it under `with: {{{name}: …}}`")


def _input_problems(
    who: str, given: Mapping[str, Any], known: Declared, position: Position, typed: Typed
) -> Iterator[Problem]:
    """Problems with the inputs given to an action or a sub-flow."""
    for name, value in given.items():
        if name not in known:
            yield Problem(position, "RF041", f"{who} has no input {name!r}", did_you_mean(name, known))
            continue
        filled = list(templates(value))
        said = _other_type(value, known[name], typed) if filled else mismatch(value, known[name])
        if said:
            place = filled[0].position if filled else position
            whose = who.removeprefix("the action ").removeprefix("the flow ")
            yield Problem(place, "RF043", f"the input {name!r} of {whose} {said}")


def _other_type(value: Any, schema: Mapping[str, Any], typed: Typed) -> str:
    """Why an expression cannot give the expected type, or nothing."""
    if schema.get("fixed"):
        return "is written out: it decides what can happen, so no expression can give it"
    wanted, given = types_of_schema(schema), typed(value) if isinstance(value, Expression) else None
    if wanted is None or given is None or wanted & given:
        return ""
    return f"does not fit: {value.text!r} gives {describe_types(given)}, and it has to be {describe_types(wanted)}"


# --- what has to be ready -----------------------------------------------------------------------------------


def _needs(flow: Flow, state: State, catalogue: Catalogue) -> Iterator[Problem]:
    users: list[Activity | ActionState] = [*state.activities.values()]
    users += [state] if isinstance(state, ActionState) else []
    wanting = [(needed, user) for user in users for needed in user.needs]
    if not wanting:
        return
    available = {
        a.name: a for around in reversed(list(flow.around_in_own_flow(state))) for a in around.activities.values()
    }
    for needed, who in wanting:
        if needed not in available:
            message = f"{who.name!r} needs the activity {needed!r}, which does not run here"
            yield Problem(who.position, "RF032", message, did_you_mean(needed, available))
            continue
        spec = catalogue.get(available[needed].do)
        if spec and not spec.service and available[needed].ask is None:
            message = (
                f"{who.name!r} needs the activity {needed!r}, which is never ready: {spec.name!r} is not a service"
            )
            yield Problem(who.position, "RF032", message)
        elif isinstance(who, Activity) and _needs_itself(who, available):
            yield Problem(who.position, "RF032", f"the activity {who.name!r} needs itself, so it never starts")


def _needs_itself(activity: Activity, available: Mapping[str, Activity]) -> bool:
    return activity.name in explore(activity.needs, lambda name: available[name].needs if name in available else ())


_RESERVED: Final = (*RESERVED, "ready", "exited", "idle")


def _own_actions(flow: Flow, catalogue: Catalogue) -> Iterator[Problem]:
    groups = {name.partition(".")[0] for name in catalogue if name not in flow.actions}
    for action in flow.actions.values():
        if action.name.partition(".")[0] in groups:
            message = f"the action {action.name!r} has the group of built-in actions"
            yield Problem(action.position, "RF040", message, "give it a group of its own, such as `house.mute`")
        yield from _schemas(action)
        yield from _configuration(action, catalogue)


def _schemas(action: OwnAction) -> Iterator[Problem]:
    for what, declared in (("input", action.inputs), ("field", action.result)):
        for name, schema in declared.items():
            said = flaw(schema) or (mismatch(schema["default"], schema) if "default" in schema else "")
            if said:
                yield Problem(action.position, "RF044", f"the {what} {name!r} of {action.name!r} {said}")
    for outcome in action.outcomes:
        if outcome in _RESERVED:
            message = f"the outcome {outcome!r} of {action.name!r} is a built-in event"
            yield Problem(action.position, "RF046", message, "give it another name")


def _configuration(action: OwnAction, catalogue: Catalogue) -> Iterator[Problem]:
    if action.do not in catalogue:
        return
    base = catalogue[action.do]
    if base.service and (action.result or action.outcomes != ("done",)):
        message = f"{action.name!r} is a service, which has neither outcomes nor a result"
        yield Problem(action.position, "RF045", message, "leave out `outcomes` and `result`, or `lines: true`")
    yield from _given(base, action.given, action.position, lambda expression: None)
    for expression in templates(action.given):
        for mention in mentions(expression):
            match mention.chain:
                case ("inputs", name, *_) if name in action.inputs:
                    continue
                case ("inputs", name, *_):
                    message, hint = f"{action.name!r} has no input {name!r}", did_you_mean(name, action.inputs)
                case _:
                    message = f"{'.'.join(mention.chain)!r} is not known here"
                    hint = f"an action sees its own inputs only: {', '.join(action.inputs) or 'none'}"
            yield Problem(expression.position, "RF031", message, hint)


_CHANGING: Final = ("POST", "PATCH")
_ALWAYS_CHANGING: Final = (*_CHANGING, "PUT", "DELETE")
_SAFE: Final = "`idempotency: safe`"
_OTHERWISE: Final = "write `idempotency: once`, and `on_crash: ask` or `fail` where it is used"


def _repetitions(flow: Flow) -> Iterator[Problem]:
    """Actions with `on_crash: retry` or `idempotency: safe` that would post, push or start something twice."""
    for action in flow.actions.values():
        if action.safe:
            yield from _repetition(action.do, action.given, action.position, _SAFE, action.effect)
    for doing in flow.performers():
        own = flow.actions.get(doing.do)
        do, given = (own.do, own.given) if own else (doing.do, doing.inputs)
        if doing.on_crash == "retry":
            yield from _repetition(do, given, doing.position, "`on_crash: retry`", own.effect if own else "")
        if own and (own.safe or doing.on_crash == "retry") and (effect := side_effects.of_inputs(doing.inputs)):
            yield Problem(doing.position, "RF049", f"{_SAFE} of {own.name!r} may {effect} twice", _OTHERWISE)


def _repetition(
    do: str, given: Mapping[str, Any], position: Position, declared: str, effect: str = ""
) -> Iterator[Problem]:
    """Why an action may not be repeated, against what is `declared`; the effect of a function comes from its source."""
    if do == "http.request":
        yield from _request(given, position, declared)
    elif effect := effect or side_effects.of_inputs(given.get("command"), given.get("input")):
        yield Problem(position, "RF049", f"{declared} may {effect} twice", _OTHERWISE)


def _request(inputs: Mapping[str, Any], position: Position, declared: str) -> Iterator[Problem]:
    method, url = inputs.get("method", "GET"), inputs.get("url")
    if method in _ALWAYS_CHANGING and side_effects.is_platform(getattr(url, "text", url) or ""):
        message = f"{declared} may send this {method} to the platform twice"
        yield Problem(
            position, "RF049", message, "the actions of the catalogue do this; `retake-flow actions` lists them"
        )
    elif method in _CHANGING and inputs.get("idempotency_key") is not True:
        message = f"{declared} may send this {method} twice, and the server cannot tell that both are the same"
        hint = "write `idempotency_key: true` if the server knows that header; otherwise `on_crash: ask` or `fail`"
        yield Problem(position, "RF049", message, hint)
