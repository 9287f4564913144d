"""Performer: performs actions for the engine, with the declared defaults of their inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from retake_flow.actions.base import Check, Family, Start, Task
from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import InDoubt, RetakeFlowError
from retake_flow.flow.action_spec import with_own
from retake_flow.flow.model import Flow, OwnAction
from retake_flow.ports.actions import Call, Completion, Service


class Performer:
    """The engine's `ActionRunner`: finds the method for each name of the catalogue, and fills in omitted inputs.

    Args:
        families: The actions.
        later: Makes the actions whose names begin with a word when the first of them is needed, so that a run does not
            wait for their imports.
        flow: The flow, whose own actions are performed as it configures them.
    """

    def __init__(
        self,
        *families: Family,
        later: Mapping[str, Callable[[], Family]] | None = None,
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
        """Perform an action that the flow declares."""
        from retake_flow.actions.own import declared

        try:
            done = await self.perform(declared.configured(action, call))
        except RetakeFlowError as error:
            error.unsure = error.unsure and not action.safe
            raise
        return declared.completion(action, done)

    async def verify(self, call: Call) -> Completion | None:
        """Find out whether a task was done when its process died."""
        complete = self._prepare(call)
        if call.do not in self.checks:
            raise InDoubt(f"the process ended while {call.do} was under way; whether it was done is not known")
        return await self.checks[call.do](complete)

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service."""
        complete = self._prepare(call)
        if call.do in self._own:
            from retake_flow.actions.own import declared

            return self.serve(declared.configured(self._own[call.do], complete))
        return self.services[call.do](complete)

    def _prepare(self, call: Call) -> Call:
        """A call with the default of each input that is omitted, once its action is there."""
        make = self._later.pop(call.do.partition(".")[0], None)
        if make is not None:
            self._add(make())
        return replace(call, inputs=self._catalogue[call.do].with_defaults(call.inputs))
