"""Secret inputs of a resumed run: none is stored, so each is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retake_flow.errors import ExpressionError, InputError
from retake_flow.flow.expressions.expression import render
from retake_flow.flow.fields import is_secret
from retake_flow.flow.model import Flow, Input, State, SubFlowState
from retake_flow.redact import Secret
from retake_flow.run.run import Local, Run


def with_secrets(run: Run, flow: Flow) -> Run:
    """A run with its secret inputs and those of its active sub-flows.

    Raises:
        InputError: A required one is no longer available.
    """
    inputs = {**run.inputs, **_read_again(flow.inputs, run.inputs)}
    for name, declared in flow.inputs.items():
        if is_secret(declared.schema) and name not in inputs:
            ways = " or ".join(f"{key} {declared.schema[key]}" for key in ("env", "file") if key in declared.schema)
            raise InputError(
                f"the secret input {name!r} is never stored, and it is no longer available",
                hint=f"give it again where the run had it from: {ways}" if ways else "",
            )
    known: dict[str, Local] = {"": Local(inputs, run.vars)}
    for root in sorted(run.locals):  # outer ones first: the inner ones get theirs from them
        known[root] = _local(flow.states.get(root), run.locals[root], known)
    return replace(run, inputs=inputs, locals={root: local for root, local in known.items() if root})


def _read_again(declared: Mapping[str, Input], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The secret inputs that were not stored; optional ones are None."""
    secret = {name: given.schema for name, given in declared.items() if is_secret(given.schema) and name not in kept}
    return {
        name: schema.get("default") for name, schema in secret.items() if "default" in schema or schema.get("optional")
    }


def _local(state: State | None, local: Local, known: Mapping[str, Local]) -> Local:
    if not isinstance(state, SubFlowState):
        return local
    outer = known.get(state.root, Local())
    found: dict[str, Any] = {}
    for name, declared in state.sub.inputs.items():
        if is_secret(declared.schema) and name not in local.inputs and name in state.inputs:
            try:
                value = render(state.inputs[name], {"inputs": outer.inputs})
            except ExpressionError:
                continue  # its source is gone for good; whatever needs it reports that
            found |= {name: value if isinstance(value, Secret) or value is None else Secret(str(value))}
    again = {
        name: value for name, value in _read_again(state.sub.inputs, local.inputs).items() if name not in state.inputs
    }
    return replace(local, inputs={**local.inputs, **again, **found})
