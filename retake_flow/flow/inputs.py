"""The inputs of a run: what was given, turned into the declared types, with defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.errors import InputError
from retake_flow.flow.fields import read
from retake_flow.flow.model import Flow


def resolve(flow: Flow, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every input.

    Args:
        flow: Declares the inputs.
        given: Values by name; texts are read as the declared type (`--set tries=3`).

    Raises:
        InputError: One is unknown, missing or not of its type; all of them are named.
    """
    found = read({name: declared.schema for name, declared in flow.inputs.items()}, given)
    problems = [f"the flow {flow.name!r} has no input {name!r} ({hint})" for name, hint in found.unknown.items()]
    problems += [f"the input {name!r} {said}" for name, said in found.unfit.items()]
    problems += [f"the input {name!r} is missing; give it with --set {name}=…" for name in found.missing]
    if problems:
        raise InputError("\n".join(problems))
    return found.values
