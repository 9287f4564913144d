"""Finds work of a flow's own that is declared harmless to repeat although it cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.model import Flow

_CHANGING: Final = ("POST", "PATCH")
_PUSHES: Final = re.compile(r"\b(?:rtmps?|rtmpt|srt|whip|rist)://", re.IGNORECASE)


def problems(flow: Flow) -> Iterator[Problem]:
    """Actions with `on_crash: retry` or `idempotency: safe` that would post, push or start something twice."""
    for action in flow.actions.values():
        if action.safe:
            yield from unsafe(action.do, action.given, action.position, "`idempotency: safe`")
    for doing in flow.performers():
        if doing.on_crash == "retry":
            own = flow.actions.get(doing.do)
            do, given = (own.do, own.given) if own else (doing.do, doing.inputs)
            yield from unsafe(do, given, doing.position, "`on_crash: retry`")


def unsafe(do: str, inputs: Mapping[str, Any], position: Position, declared: str) -> Iterator[Problem]:
    """Why an action may not be repeated, against what is `declared`."""
    method = inputs.get("method", "GET")
    if do == "http.request" and method in _CHANGING and inputs.get("idempotency_key") is not True:
        message = f"{declared} may send this {method} twice, and the server would take it for two"
        hint = "write `idempotency_key: true` if the server knows that header; otherwise `on_crash: ask` or `fail`"
        yield Problem(position, "RF049", message, hint)
    command = inputs.get("command")
    words = [getattr(word, "text", word) for word in command] if isinstance(command, list) else []
    if do in ("program.run", "program.lines") and any(isinstance(w, str) and _PUSHES.search(w) for w in words):
        message = f"{declared} may start this stream twice"
        hint = "a stream goes out by `studio.encoder`; for one of another kind write `on_crash: ask` or `fail`"
        yield Problem(position, "RF049", message, hint)
