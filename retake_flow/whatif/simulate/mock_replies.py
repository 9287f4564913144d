"""How a simulated action ends: by a line of the script, or by a mock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.text.yaml_source import Path
from retake_flow.ports.actions import Completion
from retake_flow.redact import Secret
from retake_flow.whatif.simulate.mock_errors import Fault
from retake_flow.whatif.simulate.script_fields import InvalidField, Part

READY, EXITED = "ready", "exited"


@dataclass(frozen=True, slots=True)
class Reply:
    """How an action ends, or a service becomes ready or ends.

    Attributes:
        outcome: One of those that the action declares; unused if there is a fault.
        value: The result.
        reason: Why a service has ended.
        fault: The error that the action raises instead.
        after: How long the action takes, in seconds.
        exits: How long after it was ready a service ends by itself, in seconds; None if it keeps running.
    """

    outcome: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    fault: Fault | None = None
    after: float = 0.0
    exits: float | None = None

    def completion(self, spec: ActionSpec) -> Completion:
        """The result for the engine.

        Raises:
            RetakeFlowError: The action fails.
        """
        if self.fault is not None:
            raise self.fault.error(spec)
        shown = {name: _hidden(value) if name in spec.secrets else value for name, value in self.value.items()}
        return Completion(self.outcome, shown)


def result(part: Part, path: Path, spec: ActionSpec, *, ready: bool = False) -> Reply:
    """Read how an action ends.

    Args:
        part: A mapping with `outcome`, `value` and `reason`, all optional.
        path: Where it is in the data.
        spec: The declaration of the action.
        ready: Whether it is a service that is already ready.

    Raises:
        InvalidField: The action cannot end so.
    """
    outcome = part.text("outcome") or _usual(spec, ready, path)
    where = (*path, "outcome")
    if outcome not in spec.outcomes:
        raise InvalidField(where, f"{spec.name!r} has no outcome {outcome!r}", did_you_mean(outcome, spec.outcomes))
    if spec.service and (outcome == READY) == ready:
        raise InvalidField(where, *_out_of_turn(spec, ready))
    if "reason" in part and outcome != EXITED:
        raise InvalidField((*path, "reason"), f"a 'reason' belongs to {EXITED!r} alone")
    return Reply(outcome, part.mapping("value"), part.text("reason"))


def _out_of_turn(spec: ActionSpec, ready: bool) -> tuple[str, str]:
    if ready:
        return f"{spec.name!r} is ready already", f"the outcome {EXITED!r} ends it"
    return f"{spec.name!r} is not ready yet, so it cannot exit", "make it ready first, or let it fail by an error"


def _usual(spec: ActionSpec, ready: bool, path: Path) -> str:
    if spec.service:
        return EXITED if ready else READY
    if "done" in spec.outcomes or len(spec.outcomes) == 1:
        return "done" if "done" in spec.outcomes else spec.outcomes[0]
    raise InvalidField(path, f"the 'outcome' of {spec.name!r} is missing", f"there are: {', '.join(spec.outcomes)}")


def _hidden(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value
