"""Performer: performs actions for the engine, with the declared defaults of their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from retake_flow.actions.base import Check, Family, Start, Task
from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import InDoubt
from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.services import Service


class Performer:
    """The engine's `ActionRunner`: finds the method for each name of the catalogue, and fills in omitted inputs."""

    def __init__(self, *families: Family) -> None:
        self.tasks: Mapping[str, Task] = {name: task for each in families for name, task in each.tasks.items()}
        self.checks: Mapping[str, Check] = {name: check for each in families for name, check in each.checks.items()}
        self.services: Mapping[str, Start] = {name: s for each in families for name, s in each.services.items()}

    async def perform(self, call: Call) -> Completion:
        """Perform a task."""
        return await self.tasks[call.do](_complete(call))

    async def verify(self, call: Call) -> Completion | None:
        """Find out whether a task was done when its process died."""
        if call.do not in self.checks:
            raise InDoubt(f"the process ended while {call.do} was under way; whether it was done is not known")
        return await self.checks[call.do](_complete(call))

    def serve(self, call: Call) -> AbstractAsyncContextManager[Service]:
        """Start a service."""
        return self.services[call.do](_complete(call))


def _complete(call: Call) -> Call:
    """A call with the default of each input that is omitted."""
    return replace(call, inputs=CATALOGUE[call.do].with_defaults(call.inputs))
