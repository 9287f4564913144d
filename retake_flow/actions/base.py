"""What the families of actions share: their form, and the schemas in their specs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from retake_flow.flow.state_parts import Retry
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


TEXT: Final[dict[str, Any]] = {"type": "string"}
COUNT: Final[dict[str, Any]] = {"type": "integer"}
NUMBER: Final[dict[str, Any]] = {"type": "number"}
FLAG: Final[dict[str, Any]] = {"type": "boolean"}
WORDS: Final[dict[str, Any]] = {"type": "string", "minLength": 1}

#: The errors of actions that call the platform.
CALLED: Final = ("unauthorized", "rejected", "rate_limited", "unavailable", "unreachable", "blocked", "intercepted",
                 "redirected", "unexpected_answer", "not_found", "no_session", "credentials")  # fmt: skip
#: The default retry of actions that call the platform: twice, soon.
AGAIN: Final = Retry(max=2, interval=0.5, rate=3.0)
#: The same where the platform asks for a pace.
AGAIN_SLOWLY: Final = Retry(max=2, interval=3.0)
#: The errors of actions that start a program.
STARTED: Final = ("missing_program", "host", "process_failed", "not_ready", "no_display")
#: How a service can end, and begin.
SERVICE: Final = ("ready", "exited")
WHO_AM_I: Final = {"GET /agent/stream/status": "when the agent's userDbId is not known yet"}


def described(kind: Mapping[str, Any], description: str, **more: Any) -> dict[str, Any]:
    """The schema of a kind of value, with what one such value is for, and its limits or default."""
    return {**kind, **more, "description": description}
