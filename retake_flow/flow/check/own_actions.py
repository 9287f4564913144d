"""Checks the actions that a flow declares: their names, their schemas, and what they configure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.check.action_usage import choice_problems, input_problems, missing_inputs
from retake_flow.flow.check.references import mentions
from retake_flow.flow.diagnostics import Problem, did_you_mean
from retake_flow.flow.expressions.expression import templates
from retake_flow.flow.fields import flaw, mismatch
from retake_flow.flow.model import Flow, OwnAction

_RESERVED: Final = ("error", "stop", "timeout", "ready", "exited", "idle")


def problems(flow: Flow, catalogue: Catalogue) -> Iterator[Problem]:
    """Problems with the declared actions; `catalogue` has them, too."""
    groups = {name.partition(".")[0] for name in catalogue if name not in flow.actions}
    for action in flow.actions.values():
        if action.name.partition(".")[0] in groups:
            message = f"the action {action.name!r} has the group of actions that are built in"
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
            message = f"the outcome {outcome!r} of {action.name!r} is an event of its own"
            yield Problem(action.position, "RF046", message, "call it something else")


def _configuration(action: OwnAction, catalogue: Catalogue) -> Iterator[Problem]:
    if action.do not in catalogue:
        return
    base = catalogue[action.do]
    if base.service and (action.result or action.outcomes != ("done",)):
        message = f"{action.name!r} is a service, which has neither outcomes nor a result"
        yield Problem(action.position, "RF045", message, "leave out `outcomes` and `result`, or `lines: true`")
    who = f"the action {action.do!r}"
    yield from input_problems(who, action.given, base.inputs, action.position, lambda expression: None)
    yield from missing_inputs(who, action.given, base.required_inputs, action.position)
    yield from choice_problems(base, action.given, action.position)
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
