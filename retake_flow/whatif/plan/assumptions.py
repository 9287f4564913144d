"""Assumptions of a plan: how actions end, what results hold, what people answer, what comes from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.fields import Declared, read
from retake_flow.flow.model import ActionState, Activity, FinalState, Flow, QuestionState, State, time_limits
from retake_flow.flow.names import ERRORS, OUTSIDE, is_called
from retake_flow.redact import Secret


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
        called = re.compile(rf"(?:.*[/:])?{re.escape(name)}")
        found = [place for place in self._places.values() if name and called.fullmatch(place.path)]
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
            yield _place(state, state.path, catalogue, ("timeout",) if time_limits(state) else (), external)
        for activity in state.activities.values():
            yield _place(activity, activity.key, catalogue, (), ())


def _place(
    found: State | Activity, path: str, catalogue: Catalogue, timeout: tuple[str, ...], external: tuple[str, ...]
) -> Place:
    do = found.do if isinstance(found, ActionState | Activity) else ""
    ask = found.ask if isinstance(found, QuestionState | Activity) else None
    spec = catalogue.get(do)
    if ask is not None:
        fields = {name: schema for one in (ask.fields, *ask.decisions.values()) for name, schema in one.items()}
        ends = tuple(dict.fromkeys((*ask.outcomes, *timeout, *external)))
        secrets = frozenset(name for name, schema in fields.items() if schema.get("secret") is True)
        return Place(path, "", ends, fields, external, secrets)
    if spec is None:
        return Place(path, "", (*timeout, *external), external=external)
    errors = dict.fromkeys(f"error.{kind}" for kind in (*spec.errors, *ERRORS))
    ends = (*spec.outcomes, *errors, *timeout, *external)
    return Place(path, do, ends, spec.result, external, spec.secrets)
