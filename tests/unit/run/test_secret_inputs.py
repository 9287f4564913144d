"""Secret inputs of a run that goes on."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.errors import InputError, UsageError
from retake_flow.flow.load.inputs import resolve, with_provided_inputs
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.redact import Secret
from retake_flow.run.codec import decode, encode
from retake_flow.run.run import Local, Run
from retake_flow.run.secret_inputs import with_secrets

OUTER = """\
flow: outer
inputs:
  key: {type: string, secret: true, env: OUTER_KEY}
  more: {type: string, secret: true, env: OUTER_MORE, optional: true}
  word: {type: string, env: OUTER_WORD, default: hello, secret: false}
initial: a
states:
  a: {flow: inner.yaml, with: {given: "{{ inputs.key }}"}, transitions: {ok: z}}
  z: {final: completed}
"""
INNER = """\
flow: inner
inputs:
  given: {type: string, secret: true}
  own: {type: string, secret: true, env: INNER_KEY}
  plain: {type: string, default: x}
initial: b
states:
  b: {transitions: {stop: c}}
  c: {final: ok}
"""
ENVIRONMENT = {"OUTER_KEY": "outer-key", "INNER_KEY": "inner-key"}


def flow() -> Flow:
    """The outer flow."""

    def find(name: str, file: str) -> tuple[str, bytes]:
        if name != "inner.yaml":
            raise UsageError("no")
        return name, INNER.encode()

    return load_flow(OUTER, "outer.yaml", find)


def kept(**environment: str) -> Run:
    """A run in its sub-flow, as it comes back from the store."""
    begun = with_provided_inputs(flow(), environment)
    sub = {"given": Secret("outer-key"), "own": Secret("inner-key"), "plain": "x"}
    run = Run(
        id="r", flow="outer", digest="", inputs=resolve(begun, {}), state="a/b", locals={"a": Local(sub, {"v": 1})}
    )
    return decode(encode(run))


def test_no_secret_is_stored_and_each_comes_back() -> None:
    """Those of the flow, and those of the sub-flow that it is in, given by it or its own; all else is as it was."""
    stored = kept(**ENVIRONMENT, OUTER_WORD="first")
    assert "key" not in stored.inputs
    again = with_secrets(stored, with_provided_inputs(flow(), {**ENVIRONMENT, "OUTER_WORD": "second"}))
    assert again.inputs == {"key": Secret("outer-key"), "more": None, "word": "first"}
    assert again.locals["a"].inputs == {"given": Secret("outer-key"), "own": Secret("inner-key"), "plain": "x"}
    assert again.locals["a"].vars == {"v": 1}


def test_a_secret_may_have_changed_meanwhile() -> None:
    """What is there now is what counts."""
    again = with_secrets(kept(**ENVIRONMENT), with_provided_inputs(flow(), {**ENVIRONMENT, "OUTER_KEY": "a-newer-key"}))
    assert again.inputs["key"] == again.locals["a"].inputs["given"] == Secret("a-newer-key")


def test_a_secret_that_is_gone_is_told_with_where_it_was() -> None:
    """The run stays as it is until it is there again."""
    environment: dict[str, Any] = {"INNER_KEY": "inner-key"}
    with pytest.raises(InputError, match="the secret input 'key' is never stored") as gone:
        with_secrets(kept(**ENVIRONMENT), with_provided_inputs(flow(), environment))
    assert "env OUTER_KEY" in gone.value.hint
