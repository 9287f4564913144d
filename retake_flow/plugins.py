"""Plugins: marks a Python function as an action of flows.

A flow names it under `actions:` as `python: MODULE:FUNCTION`, or a package offers it by the entry-point group
`retake_flow.actions`. Its signature and its docstring are read from its source, without importing it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

GROUP = "retake_flow.actions"  #: The entry-point group.

_Function = TypeVar("_Function", bound=Callable[..., object])


def action(*, idempotency: Literal["once", "safe"] = "once") -> Callable[[_Function], _Function]:
    """Mark a function as an action.

    Args:
        idempotency: Whether it may be repeated when nobody knows whether it was done.
    """

    def mark(function: _Function) -> _Function:
        return function

    return mark
