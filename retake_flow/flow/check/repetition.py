"""Finds work of a flow's own that is declared harmless to repeat although it cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from retake_flow.flow import side_effects
from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.model import Flow

_CHANGING: Final = ("POST", "PATCH")
_ALWAYS_CHANGING: Final = (*_CHANGING, "PUT", "DELETE")
_SAFE: Final = "`idempotency: safe`"
_OTHERWISE: Final = "write `idempotency: once`, and `on_crash: ask` or `fail` where it is used"


def problems(flow: Flow) -> Iterator[Problem]:
    """Actions with `on_crash: retry` or `idempotency: safe` that would post, push or start something twice."""
    for action in flow.actions.values():
        if action.safe:
            yield from _repeated(action.do, action.given, action.position, _SAFE, action.effect)
    for doing in flow.performers():
        own = flow.actions.get(doing.do)
        do, given = (own.do, own.given) if own else (doing.do, doing.inputs)
        if doing.on_crash == "retry":
            yield from _repeated(do, given, doing.position, "`on_crash: retry`", own.effect if own else "")
        if own and (own.safe or doing.on_crash == "retry") and (effect := side_effects.of_inputs(doing.inputs)):
            yield Problem(doing.position, "RF049", f"{_SAFE} of {own.name!r} may {effect} twice", _OTHERWISE)


def _repeated(
    do: str, given: Mapping[str, Any], position: Position, declared: str, effect: str = ""
) -> Iterator[Problem]:
    """Why an action may not be repeated, against what is `declared`; the effect of a function comes from its source."""
    if do == "http.request":
        yield from _request(given, position, declared)
    elif effect := effect or side_effects.of_inputs(given.get("command"), given.get("input")):
        yield Problem(position, "RF049", f"{declared} may {effect} twice", _OTHERWISE)


def _request(inputs: Mapping[str, Any], position: Position, declared: str) -> Iterator[Problem]:
    method, url = inputs.get("method", "GET"), inputs.get("url")
    if method in _ALWAYS_CHANGING and side_effects.is_platform(getattr(url, "text", url) or ""):
        message = f"{declared} may send this {method} to the platform twice"
        yield Problem(
            position, "RF049", message, "the actions of the catalogue do this; `retake-flow actions` lists them"
        )
    elif method in _CHANGING and inputs.get("idempotency_key") is not True:
        message = f"{declared} may send this {method} twice, and the server would take it for two"
        hint = "write `idempotency_key: true` if the server knows that header; otherwise `on_crash: ask` or `fail`"
        yield Problem(position, "RF049", message, hint)
