"""Declared actions: what a flow configures under a name of its own, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from retake_flow.errors import ProcessFailed, UnexpectedResult
from retake_flow.flow.expressions.expression import render
from retake_flow.flow.fields import read
from retake_flow.flow.model import OwnAction
from retake_flow.ports.actions import Call, Completion

#: The key of an answer that names the outcome.
OUTCOME: Final = "outcome"
_FAILS: Final = "run it by hand; if it may fail, declare `failed` among its outcomes"


def configured(action: OwnAction, call: Call) -> Call:
    """The call of the action that is configured."""
    inputs = {**dict.fromkeys(action.inputs), **call.inputs}
    return replace(call, do=action.do, inputs=render(action.given, {"inputs": inputs}))


def completion(action: OwnAction, done: Completion) -> Completion:
    """How a declared action ends.

    Raises:
        ProcessFailed: Its program failed, and it has no outcome for that.
        UnexpectedResult: Its answer is not as declared.
    """
    if done.outcome == "failed" and "failed" not in action.outcomes:
        error = ProcessFailed(f"{action.name}: {done.value.get('message', 'its program failed')}", hint=_FAILS)
        error.unsure = not action.safe
        raise error
    answer = done.value.get("json")
    named = answer.get(OUTCOME) if isinstance(answer, Mapping) else None
    usual = "failed" if done.outcome == "failed" else action.outcomes[0]
    outcome = usual if named is None else named
    if outcome not in action.outcomes:
        raise UnexpectedResult(
            f"{action.name} answered with the outcome {str(outcome)[:40]!r}",
            hint=f"it has {', '.join(action.outcomes)}",
        )
    value = _result(action, answer) if action.result and outcome != "failed" else done.value
    return replace(done, outcome=outcome, value=value)


def _result(action: OwnAction, answer: Any) -> Mapping[str, Any]:
    """The declared fields of an answer."""
    if not isinstance(answer, Mapping):
        raise UnexpectedResult(f"{action.name} answered no JSON object", hint=f"it has {', '.join(action.result)}")
    found = read(action.result, {name: item for name, item in answer.items() if name in action.result})
    problems = [f"the field {name!r} {said}" for name, said in found.unfit.items()]
    problems += [f"the field {name!r} is missing" for name in found.missing]
    if problems:
        raise UnexpectedResult(f"{action.name} answered otherwise than declared: {'; '.join(problems)}")
    return found.values
