"""Prospects: how actions would end, with which errors, and how questions would be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from retake_flow.errors import kinds
from retake_flow.flow.action_spec import Catalogue, Idempotency
from retake_flow.run.gates import Answer, Gate
from retake_flow.whatif.plan import samples
from retake_flow.whatif.plan.assumptions import Assumptions


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of an action.

    Attributes:
        permanent: Whether a retry cannot help, or could do the action twice.
    """

    kind: str
    message: str
    permanent: bool = False


def failure(kind: str, *, once: bool = False) -> Failure:
    """The error of a kind, with its general message.

    `once` means that the action is not repeated when it may already have been done.
    """
    known = kinds().get(kind)
    if known is None:
        return Failure(kind, kind)
    words = (known.__doc__ or kind).partition("\n")[0].rstrip(".")
    permanent = known.fault == "operator" or not known.passing or (once and known.doubtful)
    return Failure(kind, words, permanent)


_ERROR: Final = "error."


@dataclass(frozen=True, slots=True)
class Prospect:
    """How an action would end.

    Attributes:
        outcome: A declared outcome, or `error.KIND`; "" if it does not end by itself.
        telling: The fields of the result that decide the path: booleans, and assumed values.
        begun: Whether it does anything at all; false if an input is missing.
    """

    outcome: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    telling: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    begun: bool = True


class Prospects:
    """Everything succeeds, unless an assumption says otherwise or a required input is missing."""

    def __init__(self, catalogue: Catalogue, assumptions: Assumptions) -> None:
        self._catalogue = catalogue
        self._assumptions = assumptions

    def of_action(self, path: str, do: str, inputs: Mapping[str, Any]) -> Prospect:
        """How the action of a state or an activity would end; a service becomes ready first if it exits."""
        spec = self._catalogue[do]
        end = self._assumptions.end(path)
        missing = [name for name in spec.required_inputs if inputs.get(name) is None]
        if not end and missing:
            needs = f"it needs {', '.join(missing)}, not set"
            return Prospect("error.input", failure=Failure("input", needs, permanent=True), begun=False)
        if end.startswith(_ERROR):
            once = spec.idempotency is Idempotency.ONCE
            return Prospect(end, failure=failure(end.removeprefix(_ERROR), once=once))
        if end and end not in spec.outcomes:
            return Prospect()
        assumed = self._assumptions.values(path)
        value = samples.result(spec, assumed)
        telling = {name: item for name, item in value.items() if isinstance(item, bool) or name in assumed}
        return Prospect(end or spec.outcomes[0], value, telling)

    def of_question(self, gate: Gate, now: float) -> Answer | None:
        """The answer to a question; None if nobody answers."""
        end = self._assumptions.end(gate.place)
        if end and end not in (gate.decisions or ("answered",)):
            return None
        given = self._assumptions.values(gate.place)
        fits = (name for name, fields in gate.decisions.items() if given.keys() <= fields.keys())
        decision = (end or next(fits, "")) if gate.decisions else ""
        return Answer(decision, samples.answer(gate.fields_of(decision), given), "somebody", "plan", now)
