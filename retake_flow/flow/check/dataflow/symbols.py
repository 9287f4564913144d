"""Declared types of the names in expressions, as JSON Schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from retake_flow.flow.action_spec import Catalogue
from retake_flow.flow.fields import Declared
from retake_flow.flow.graph.transition_graph import Occurrence
from retake_flow.flow.model import ActionState, Activity, FinalState, Flow, Input, QuestionState, State, SubFlowState
from retake_flow.flow.names import STATS
from retake_flow.flow.state_parts import Ask

Schema = Mapping[str, Any]
_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
#: The values in the result of a question besides its fields.
_ANSWERED: Declared = {
    "decision": {"type": ["string", "null"]},
    "answered_by": _TEXT,
    "answered_at": {"type": "number"},
    "channel": _TEXT,
}
_STATS: Schema = {
    "type": "object",
    "properties": {name: {"type": kind} for name, kind in STATS.items()},
    "additionalProperties": False,
}
UNKNOWN: Schema = {}
#: The values that every event has, unless its own data replaces them.
OF_EVERY_EVENT: Final[Declared] = {"source": _TEXT, "at": _NUMBER}
#: The values of an event besides its data.
EVENT: Final = frozenset({"name", "kind", "fault", "message", "reason", *OF_EVERY_EVENT})


class Declarations:
    """The declared types of the names of a flow."""

    def __init__(self, flow: Flow, catalogue: Catalogue) -> None:
        self._flow = flow
        self._catalogue = catalogue
        self._outputs: dict[str, Schema | None] = {}

    def of(self, root: str, chain: tuple[str, ...]) -> Schema | None:
        """The declared type of a name, in the flow itself ("") or in the sub-flow in the state `root`.

        Returns:
            A JSON Schema property; {} when unknown; None when the declarations exclude such a name.
        """
        match chain:
            case ("inputs", name, *rest):
                given = self.inputs(root).get(name)
                return inside(_nullable(given.schema), rest) if given is not None else UNKNOWN
            case ("outputs", name, *rest):
                state = self.states_of(root).get(name)
                output = self.output(state) if state is not None else UNKNOWN
                return inside(output, rest) if output is not None else None
            case ("visits", _):
                return _COUNT
            case ("activities", name, *rest):
                found = [self.activity(each) for each in self.activities(root).get(name, ())]
                return inside(found[0], rest) if len(found) == 1 else UNKNOWN
            case ("now",):
                return _NUMBER
            case ("run", "id" | "state"):
                return _TEXT
            case ("run", "stats", *rest):
                return inside(_STATS, rest)
            case ("event", name) if name in OF_EVERY_EVENT:
                return UNKNOWN if name in self._replaced_fields else OF_EVERY_EVENT[name]
            case ("event", name) if name in EVENT:
                return _TEXT
        return UNKNOWN

    def inputs(self, root: str) -> Mapping[str, Input]:
        """The inputs of the flow itself, or of a sub-flow."""
        state = self._flow.states.get(root)
        return state.sub.inputs if isinstance(state, SubFlowState) else {} if root else self._flow.inputs

    def states_of(self, root: str) -> Mapping[str, State]:
        """The states of the flow itself, or of a sub-flow, by name."""
        return self._names.get(root, {})

    def activities(self, root: str) -> Mapping[str, list[Activity]]:
        """The activities of the flow itself, or of a sub-flow, by name."""
        return self._activities.get(root, {})

    def output(self, state: State) -> Schema | None:
        """The type of a state's output; None when it has none."""
        if state.path not in self._outputs:
            self._outputs[state.path] = self._output(state)
        return self._outputs[state.path]

    def activity(self, activity: Activity) -> Schema:
        """The type of `activities.NAME`."""
        if activity.ask is not None:
            return answer(activity.ask)
        spec = self._catalogue.get(activity.do)
        return UNKNOWN if spec is None else _mapping_type(spec.result)

    def result(self, occurrence: Occurrence) -> Schema | None:
        """The type of `result` for an occurrence; None when it has none."""
        name, _ = occurrence.names[0]
        if ":" in occurrence.place:
            return self._result_of_activity(occurrence.place, name)
        state = self._flow.states.get(occurrence.place)
        if state is None or not name or name == "timeout" or name.startswith("error."):
            return None
        if isinstance(state, FinalState):
            return self.output(self._flow.states[state.root]) if state.ends_flow else None
        return self.output(state) if isinstance(state, ActionState | QuestionState) else None

    def event(self, occurrence: Occurrence) -> Mapping[str, Schema]:
        """The data type of an event that an activity's action raises or that comes from outside; others have none."""
        scope, _, name = occurrence.place.rpartition(":")
        if not scope:
            return {} if occurrence.place else self._flow.events.get(occurrence.name, {})
        spec = self._catalogue.get(self._flow.states[scope].activities[name].do)
        return spec.events.get(occurrence.name.removeprefix(f"{name}."), {}) if spec is not None else {}

    @cached_property
    def _replaced_fields(self) -> frozenset[str]:
        """The names of fields of any event, from outside or raised by the flow itself."""
        raised = {name for state in self._flow.states.values() for each in state.raises() for name in each.data}
        outside = {name for data in self._flow.events.values() for name in data}
        return frozenset({*raised, *outside, *self.in_events})

    @property
    def in_events(self) -> Iterable[str]:
        """The names of the fields of events that activities' actions may raise."""
        used = {activity.do for activity in self._flow.activities()} & set(self._catalogue)
        return {name for do in used for fields in self._catalogue[do].events.values() for name in fields}

    def _result_of_activity(self, key: str, event: str) -> Schema | None:
        activity = self._flow.activity(key)
        name = activity.name
        if activity.ask is not None:
            return None if event == f"{name}.timeout" else answer(activity.ask)
        raises = {raised for raised, _ in activity.raises}
        return self.activity(activity) if event in {f"{name}.ready", *raises} else None

    def _output(self, state: State) -> Schema | None:
        if isinstance(state, ActionState):
            spec = self._catalogue.get(state.do)
            return UNKNOWN if spec is None else _mapping_type(spec.result)
        if isinstance(state, QuestionState):
            return answer(state.ask)
        if not isinstance(state, SubFlowState):
            return None
        inside = {name: self.output(inner) for name, inner in self.states_of(state.path).items()}
        return _mapping_type({name: output for name, output in inside.items() if output is not None})

    @cached_property
    def _names(self) -> Mapping[str, Mapping[str, State]]:
        return self._flow.by_name()

    @cached_property
    def _activities(self) -> Mapping[str, Mapping[str, list[Activity]]]:
        found: dict[str, dict[str, list[Activity]]] = {}
        for activity in self._flow.activities():
            found.setdefault(activity.root, {}).setdefault(activity.name, []).append(activity)
        return found


def answer(ask: Ask) -> Schema:
    """The type of the result of a question."""
    known: dict[str, Schema] = {}
    for fields in (ask.fields, *ask.decisions.values()):
        for name, schema in fields.items():
            other = known.get(name, schema)
            known[name] = _nullable(schema) if other == schema else UNKNOWN
    return _mapping_type({**known, **_ANSWERED})


def fields(schema: Schema) -> Iterable[str]:
    """The names of the fields of a value."""
    return schema.get("properties", {}) if isinstance(schema.get("properties"), Mapping) else ()


def _nullable(schema: Schema) -> Schema:
    """An optional property; its value is None when left out."""
    kinds = schema.get("type")
    if not schema.get("optional") or schema.get("default") is not None or not isinstance(kinds, str):
        return schema
    return {**schema, "type": [kinds, "null"]}


def _mapping_type(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def inside(schema: Schema, names: Iterable[str]) -> Schema | None:
    """The type at a chain of names in a value; {} when unknown, None when the declarations exclude such a field."""
    for name in names:
        known = schema.get("properties")
        if not isinstance(known, Mapping) or (name not in known and schema.get("additionalProperties") is not False):
            return UNKNOWN
        if name not in known:
            return None
        schema = known[name]
    return schema
