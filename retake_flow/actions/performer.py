"""Performer: performs actions for the engine, with the declared defaults of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Final

from retake_flow.actions.base import Check, Family, Start, Task
from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import InDoubt, ProcessFailed, RetakeFlowError, UnexpectedResult
from retake_flow.flow.action_spec import with_own
from retake_flow.flow.expressions.expression import render
from retake_flow.flow.fields import read
from retake_flow.flow.model import Flow, OwnAction
from retake_flow.ports.actions import Call, Completion, Service
from retake_flow.sanitize import cut


class Performer:
    """The engine's `ActionRunner`: finds the method for each name of the catalogue, and fills in omitted inputs.

    Args:
        later: Makes the actions whose names begin with a word when the first of them is needed, so that a run does not
            wait for their imports.
        flow: The flow, whose own actions are performed as it configures them.
    """

    def __init__(
        self,
        *families: Family,
        later: Mapping[str, Callable[[], Iterable[Family]]] | None = None,
        flow: Flow | None = None,
    ) -> None:
        self.tasks: dict[str, Task] = {}
        self.checks: dict[str, Check] = {}
        self.services: dict[str, Start] = {}
        self._own = flow.actions if flow is not None else {}
        self._catalogue = with_own(flow, CATALOGUE) if flow is not None else CATALOGUE
        self._later = dict(later or {})
        for each in families:
            self._add(each)

    def _add(self, family: Family) -> None:
        self.tasks |= family.tasks
        self.checks |= family.checks
        self.services |= family.services

    async def perform(self, call: Call) -> Completion:
        """Perform a task."""
        complete = self._prepare(call)
        if call.do in self._own:
            return await self._perform_own(self._own[call.do], complete)
        return await self.tasks[call.do](complete)

    async def _perform_own(self, action: OwnAction, call: Call) -> Completion:
        try:
            done = await self.perform(configured_call(action, call))
        except RetakeFlowError as error:
            error.unsure = error.unsure and not action.safe
            raise
        return own_completion(action, done)

    async def verify(self, call: Call) -> Completion | None:
        """Find out whether a task was done when its process died."""
        complete = self._prepare(call)
        if call.do not in self.checks:
            raise InDoubt(f"the process ended while {call.do} was under way; it is not known whether it was done")
        return await self.checks[call.do](complete)

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service."""
        complete = self._prepare(call)
        if call.do in self._own:
            return self.serve(configured_call(self._own[call.do], complete))
        return self.services[call.do](complete)

    def _prepare(self, call: Call) -> Call:
        """A call with the defaults of omitted inputs; loads its action if that is still missing."""
        make = self._later.pop(call.do.partition(".")[0], None)
        for family in make() if make is not None else ():
            self._add(family)
        return replace(call, inputs=self._catalogue[call.do].with_defaults(call.inputs))


#: The key of an answer that names the outcome.
OUTCOME: Final = "outcome"
_FAILS: Final = "run it by hand; if it may fail, declare `failed` among its outcomes"


def configured_call(action: OwnAction, call: Call) -> Call:
    """The call of the action that is configured."""
    inputs = {**dict.fromkeys(action.inputs), **call.inputs}
    return replace(call, do=action.do, inputs=render(action.given, {"inputs": inputs}))


def own_completion(action: OwnAction, done: Completion) -> Completion:
    """The completion of a declared action.

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
            f"{action.name} answered with the outcome {cut(str(outcome), 40)!r}",
            hint=f"it has {', '.join(action.outcomes)}",
        )
    value = _result(action, answer) if action.result and outcome != "failed" else done.value
    return replace(done, outcome=outcome, value=value)


def _result(action: OwnAction, answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise UnexpectedResult(
            f"{action.name} did not answer with a JSON object", hint=f"it has {', '.join(action.result)}"
        )
    found = read(action.result, {name: item for name, item in answer.items() if name in action.result})
    problems = [f"the field {name!r} {problem}" for name, problem in found.unfit.items()]
    problems += [f"the field {name!r} is missing" for name in found.missing]
    if problems:
        raise UnexpectedResult(f"the answer of {action.name} is not what it declares: {'; '.join(problems)}")
    return found.values
