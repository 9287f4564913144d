"""Own steps: which programs and requests an action of the flow's own stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retake_flow.errors import ExpressionError
from retake_flow.flow.expressions.expression import render
from retake_flow.flow.load.functions import called_function
from retake_flow.flow.model import Flow
from retake_flow.redact import scrub


def programs_and_requests(flow: Flow, do: str, inputs: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The programs that an action of one's own runs, and the requests that it sends; nothing for other actions."""
    own = flow.actions.get(do)
    if own is not None:
        try:
            do, inputs = own.do, render(own.given, {"inputs": {**dict.fromkeys(own.inputs), **inputs}})
        except ExpressionError:
            do, inputs = own.do, own.given
    if do == "http.request":
        return (), (scrub(f"{inputs.get('method', 'GET')} {inputs.get('url', '')}"),)
    if do in ("program.run", "program.lines"):
        command = inputs.get("command") or [""]
        return (scrub(called_function(command) or str(command[0])),), ()
    return (), ()
