"""Actions that belong together: they share what they need, and tell which method stands behind which name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from retake_flow.ports.actions import Call, Completion
from retake_flow.ports.services import Service

Task = Callable[[Call], Awaitable[Completion]]
Check = Callable[[Call], Awaitable[Completion | None]]
Start = Callable[[Call], AbstractAsyncContextManager[Service]]


class Family:
    """What is behind the names of some actions.

    Attributes:
        tasks: What is performed, by name.
        checks: How to find out whether a task was done whose process died meanwhile, by name.
        services: What goes on until it is stopped or dies, by name.
    """

    tasks: Mapping[str, Task] = {}
    checks: Mapping[str, Check] = {}
    services: Mapping[str, Start] = {}
