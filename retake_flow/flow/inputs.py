"""The inputs of a run: what was given, turned into the declared types, with defaults filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from retake_flow.errors import InputError
from retake_flow.flow.check import mismatch
from retake_flow.flow.model import Flow
from retake_flow.flow.problems import did_you_mean


def resolve(flow: Flow, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every input.

    Args:
        flow: Declares the inputs.
        given: Values by name; texts are read as the declared type (`--set tries=3`).

    Raises:
        InputError: One is unknown, missing or not of its type; all of them are named.
    """
    problems: list[str] = []
    for name in given:
        if name not in flow.inputs:
            problems.append(f"the flow {flow.name!r} has no input {name!r} ({did_you_mean(name, flow.inputs)})")
    values: dict[str, Any] = {}
    for name, declared in flow.inputs.items():
        if name in given:
            values[name] = _typed(given[name], declared.schema)
            said = mismatch(values[name], declared.schema) if values[name] is not None else ""
            if said:
                problems.append(f"the input {name!r} {said}")
        elif declared.required:
            problems.append(f"the input {name!r} is missing; give it with --set {name}=…")
        else:
            values[name] = declared.schema.get("default")
    if problems:
        raise InputError("\n".join(problems))
    return values


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or schema.get("type") == "string":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
