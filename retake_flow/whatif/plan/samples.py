"""Placeholders for unknown values: ‹NAME› for a text, true, the number nearest to zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.fields import Declared, is_required, is_secret
from retake_flow.flow.model import Flow, Input, SubFlowState
from retake_flow.redact import hide

#: By the value of `format`.
_FORMATS: Final[Mapping[str, Any]] = {
    "duration": "1h",
    "post": "https://x.com/somebody/status/1860000000000000001",
    "size": "1280x720",
    "bitrate": "1500k",
}


def with_samples(flow: Flow) -> Flow:
    """The flow with samples as defaults of the inputs from outside, because a plan needs no secrets."""
    states = {
        path: replace(state, sub=replace(state.sub, inputs=_inputs_with_samples(state.sub.inputs)))
        if isinstance(state, SubFlowState)
        else state
        for path, state in flow.states.items()
    }
    return replace(flow, inputs=_inputs_with_samples(flow.inputs), states=states)


def _inputs_with_samples(inputs: Mapping[str, Input]) -> dict[str, Input]:
    return {name: _with_sample(declared) for name, declared in inputs.items()}


def _with_sample(declared: Input) -> Input:
    schema = declared.schema
    if not is_required(schema) or not {"env", "file", "secret"} & schema.keys():
        return declared
    value = hide({"default": sample(declared.name, schema)}, ["default"] if is_secret(schema) else ())
    return replace(declared, schema={**schema, **value})


def result(spec: ActionSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """A possible result of an action."""
    usual = {name: spec.samples.get(name, sample(name, schema)) for name, schema in spec.result.items()}
    return hide({**usual, **given}, spec.secrets)


def answer(fields: Declared, given: Mapping[str, Any]) -> dict[str, Any]:
    """A possible answer of a person."""
    values = {name: given.get(name, sample(name, schema)) for name, schema in fields.items()}
    return hide(values, [name for name, schema in fields.items() if schema.get("secret") is True])


def sample(name: str, schema: Mapping[str, Any]) -> Any:
    """A possible value for a name."""
    for known in ("const", "default"):
        if known in schema:
            return schema[known]
    for known in ("examples", "enum"):
        if schema.get(known):
            return schema[known][0]
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    kinds = schema.get("type", "string")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    if kind in ("integer", "number"):
        return _number(schema, 1 if kind == "integer" else 0.5)
    return {"boolean": True, "array": [], "object": {}, "null": None}.get(str(kind), placeholder(name))


def placeholder(name: str) -> str:
    """The placeholder for an unknown text."""
    return f"‹{name}›"


def _number(schema: Mapping[str, Any], above: float) -> Any:
    """The number nearest to zero within the bounds."""
    least = schema.get("minimum", schema["exclusiveMinimum"] + above if "exclusiveMinimum" in schema else None)
    most = schema.get("maximum", schema["exclusiveMaximum"] - above if "exclusiveMaximum" in schema else None)
    if least is not None and least > 0:
        return least
    return most if most is not None and most < 0 else 0
