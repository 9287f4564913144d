"""Assumptions of a plan: how actions end, what results hold, what people answer, what comes from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from retake_flow.errors import UsageError, kinds
from retake_flow.flow.action_spec import Catalogue, Idempotency
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.fields import Declared, read
from retake_flow.flow.graph.transition_graph import error_kinds
from retake_flow.flow.model import ActionState, Activity, FinalState, Flow, QuestionState, State, time_limits
from retake_flow.flow.names import OUTSIDE, is_called
from retake_flow.flow.state_parts import Ask
from retake_flow.redact import Secret
from retake_flow.run.gates import Answer, Gate
from retake_flow.whatif.plan import samples


@dataclass(frozen=True, slots=True)
class Place:
    """A state or an activity, and what can be assumed about it.

    Attributes:
        path: The path of the state, or the key of the activity.
        ends: The outcomes, decisions, errors and events that it can have.
        fields: The fields of its result or its answer, as JSON Schema properties.
        external: The ends that come from outside while it is active.
    """

    path: str
    do: str
    ends: tuple[str, ...]
    fields: Declared = field(default_factory=dict)
    external: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Assumption:
    """One assumption.

    Attributes:
        places: The paths that it may apply to.
        field: The field of the result or the answer; "" if it says how something ends.
        first: Whether it applies only to the first of the places that the plan reaches.
        exact: Whether the place is written in full, which takes precedence over a shared name.
    """

    written: str
    places: tuple[str, ...]
    value: Any
    field: str = ""
    first: bool = False
    exact: bool = False


class Assumptions:
    """All assumptions, and which of them were used."""

    def __init__(self, written: Iterable[str], flow: Flow, catalogue: Catalogue) -> None:
        """Read `NAME=VALUE`.

        Raises:
            UsageError: An assumption fits nothing in the flow.
        """
        self.places = {place.path: place for place in _places(flow, catalogue)}
        reading = _Reading(flow, self.places)
        self._made = sorted((reading.read(each) for each in written), key=lambda made: not made.exact)
        self._of: dict[str, str] = {}

    @property
    def used(self) -> Mapping[str, str]:
        """The used assumptions, as written, each with the first place that it applied to."""
        return dict(self._of)

    @property
    def unused(self) -> tuple[str, ...]:
        """The unused assumptions, as written."""
        return tuple(each.written for each in self._made if each.written not in self._of)

    def end(self, path: str) -> str:
        """How a place is assumed to end; "" if nothing is assumed."""
        for each in self._matching(path):
            if not each.field:
                self._of.setdefault(each.written, path)
                return str(each.value)
        return ""

    def values(self, path: str) -> dict[str, Any]:
        """The fields that the result or the answer of a place is assumed to have."""
        values: dict[str, Any] = {}
        for each in self._matching(path):
            if each.field and each.field not in values:
                self._of.setdefault(each.written, path)
                values[each.field] = each.value
        return values

    def _matching(self, path: str) -> Iterator[_Assumption]:
        for each in self._made:
            elsewhere = each.first and self._of.get(each.written, path) != path
            if path in each.places and not elsewhere:
                yield each


class _Reading:
    """Reads what people write: PLACE=END, PLACE.FIELD=VALUE, ACTION=END, ACTION.FIELD=VALUE or FIELD=VALUE."""

    def __init__(self, flow: Flow, places: Mapping[str, Place]) -> None:
        self._flow = flow
        self._places = places

    def read(self, written: str) -> _Assumption:
        name, equals, value = written.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            raise UsageError(f"--assume takes NAME=VALUE, not {written!r}", hint="for example credentials=missing")
        target, _, last = name.rpartition(".")
        if found := self._places_named(name):
            return self._ending(written, name, found, value)
        if found := self._places_named(target):
            return self._holding(written, found, last, value, exact=_in_full(target))
        found = [place for place in self._places.values() if name in place.fields]
        if not found:
            raise self._unknown_name(name)
        return self._holding(written, found, name, value, first=True)

    def _places_named(self, name: str) -> list[Place]:
        """The places that a name means: those with this name, or else those with this action."""
        found = [place for place in self._places.values() if name and is_called(place.path, name)]
        if len({place.do or place.path for place in found}) > 1:
            if name in self._places:
                return [self._places[name]]
            paths = ", ".join(place.path for place in found)
            raise UsageError(f"{name!r} may be any of {paths}", hint="write its full name")
        return found or [place for place in self._places.values() if name and place.do == name]

    def _ending(self, written: str, name: str, found: list[Place], value: str) -> _Assumption:
        able = [place for place in found if value in place.ends]
        if not able:
            ends = dict.fromkeys(end for place in found for end in place.ends)
            raise UsageError(f"{name!r} cannot end with {value!r}", hint=did_you_mean(value, ends))
        return _Assumption(written, tuple(place.path for place in able), value, exact=_in_full(name))

    def _holding(
        self, written: str, found: list[Place], name: str, value: str, *, first: bool = False, exact: bool = False
    ) -> _Assumption:
        able = [place for place in found if name in place.fields]
        if not able:
            fields = {known for place in found for known in place.fields}
            where = " and ".join(place.path for place in found)
            raise UsageError(f"{where} has no output {name!r}", hint=did_you_mean(name, fields))
        hidden = any(name in place.secrets for place in able)
        reading = read({name: able[0].fields[name]}, {name: Secret(value) if hidden else value})
        shown = f"{written.partition('=')[0]}=•••" if hidden else written
        if reading.unfit:
            raise UsageError(f"the assumption {shown!r} {reading.unfit[name]}")
        return _Assumption(shown, tuple(place.path for place in able), reading.values[name], name, first, exact)

    def _unknown_name(self, name: str) -> UsageError:
        states = [path for path in self._flow.states if is_called(path, name)]
        if not states:
            return UsageError(f"the flow has no state or activity {name!r}", hint=did_you_mean(name, self._names()))
        inside = [path for path in self._places if path.startswith((states[0] + "/", states[0] + ":"))]
        hint = f"only of what is inside: {', '.join(inside)}" if inside else "it is an end"
        return UsageError(f"nothing can be assumed of {name!r} itself", hint=hint)

    def _names(self) -> Iterator[str]:
        for place in self._places.values():
            yield re.split("[/:]", place.path)[-1]
            yield from (place.do, *place.fields) if place.do else place.fields


def _in_full(name: str) -> bool:
    return "/" in name or ":" in name


def _places(flow: Flow, catalogue: Catalogue) -> Iterator[Place]:
    raised = [event for a in flow.activities() if a.do in catalogue for event in catalogue[a.do].events]
    external = (*OUTSIDE, *dict.fromkeys((*flow.events, *raised)))
    for state in flow.states.values():
        if state.can_be_innermost and not isinstance(state, FinalState):
            yield _place(state, catalogue, ("timeout",) if time_limits(state) else (), external)
        for activity in state.activities.values():
            yield _place(activity, catalogue, (), ())


def _place(found: State | Activity, catalogue: Catalogue, timeout: tuple[str, ...], external: tuple[str, ...]) -> Place:
    more = (*timeout, *external)
    match found:
        case QuestionState(ask=Ask() as ask) | Activity(ask=Ask() as ask):
            fields = {name: schema for one in (ask.fields, *ask.decisions.values()) for name, schema in one.items()}
            secrets = frozenset(name for name, schema in fields.items() if schema.get("secret") is True)
            return Place(found.key, "", tuple(dict.fromkeys((*ask.outcomes, *more))), fields, external, secrets)
        case ActionState() | Activity():
            spec = catalogue[found.do]
            ends = (*spec.outcomes, *(f"error.{kind}" for kind in error_kinds(found, spec)), *more)
            return Place(found.key, found.do, ends, spec.result, external, spec.secrets)
    return Place(found.key, "", more, external=external)


# --- what follows from them -----------------------------------------------------------------------------------


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
        if end.startswith("error."):
            once = spec.idempotency is Idempotency.ONCE
            return Prospect(end, failure=failure(end.removeprefix("error."), once=once))
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
