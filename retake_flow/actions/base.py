"""Action family: actions that share what they need, with the method for each name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from retake_flow.ports.actions import Call, Completion, Service

Task = Callable[[Call], Awaitable[Completion]]
Check = Callable[[Call], Awaitable[Completion | None]]
Start = Callable[[Call], AbstractAsyncContextManager[Service]]


class Family:
    """The methods behind the names of some actions.

    Attributes:
        tasks: The methods of tasks, by name.
        checks: For each task, how to find out whether it was done when its process died, by name.
        services: The methods of services, which run until they are stopped or die, by name.
    """

    tasks: Mapping[str, Task] = {}
    checks: Mapping[str, Check] = {}
    services: Mapping[str, Start] = {}
