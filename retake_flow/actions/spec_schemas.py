"""Schemas that the specs of several actions share."""

from __future__ import annotations

from typing import Any, Final

from retake_flow.flow.state_parts import Retry

TEXT: Final[dict[str, Any]] = {"type": "string"}
COUNT: Final[dict[str, Any]] = {"type": "integer"}
NUMBER: Final[dict[str, Any]] = {"type": "number"}
FLAG: Final[dict[str, Any]] = {"type": "boolean"}

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
