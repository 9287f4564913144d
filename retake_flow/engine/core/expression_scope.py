"""Names available to expressions: the run as the flow itself or one of its sub-flows sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any

from retake_flow.flow.expressions.reserved_names import ACTIVE
from retake_flow.flow.model import SEPARATOR, Flow
from retake_flow.run.run import Local, MutableRun, Work

_NOTHING = Local()


class _ByName(Mapping[str, Any]):
    """A mapping keyed by path, read by name."""

    __slots__ = ("_kept", "_otherwise", "_paths")

    def __init__(self, paths: Mapping[str, str], kept: Mapping[str, Any], otherwise: Any = None) -> None:
        self._paths = paths
        self._kept = kept
        self._otherwise = otherwise

    def __getitem__(self, name: str) -> Any:
        path = self._paths[name]
        return self._kept[path] if self._otherwise is None else self._kept.get(path, self._otherwise)

    def __iter__(self) -> Iterator[str]:
        return (name for name, path in self._paths.items() if self._otherwise is not None or path in self._kept)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def names(
    flow: Flow,
    paths: Mapping[str, Mapping[str, str]],
    run: MutableRun,
    event: Mapping[str, Any],
    root: str,
    now: float,
    active: str | None = None,
) -> Mapping[str, Any]:
    """The names that expressions of a flow can currently use.

    Args:
        flow: The flow.
        paths: The path of each state by its name, for the flow itself ("") and for each sub-flow.
        run: Its current state.
        event: The event being handled.
        root: The path of the sub-flow that the expression belongs to; "" for the flow itself.
        now: Seconds since the epoch.
        active: The innermost state still active while states are being left; None means the state of the run.
    """
    local = run.locals.get(root, _NOTHING) if root else Local(run.inputs, run.vars)
    within = paths.get(root, {})
    answer: dict[str, Any] = {
        "inputs": local.inputs,
        "vars": local.vars,
        "outputs": _ByName(within, run.outputs),
        "visits": _ByName(within, _since(local.before, run.visits), 0),
        "activities": _Activities(flow, run, root),
        "event": event,
        "run": {"id": run.id, "state": run.state, "stats": run.stats.figures(now)},
        "now": now,
        ACTIVE: partial(_active, run.state if active is None else active, root),
    }
    if "result" in event:
        answer["result"] = event["result"]
    return answer


def _since(before: Mapping[str, int], visits: Mapping[str, int]) -> Mapping[str, int]:
    """How often states were entered since a sub-flow began."""
    return {path: times - before.get(path, 0) for path, times in visits.items()} if before else visits


def _active(state: str, root: str, asked: str) -> bool:
    """Whether a state of the flow itself, or of a sub-flow, is active."""
    path = root + SEPARATOR + asked if root else asked
    return state == path or state.startswith(path + SEPARATOR)


class _Activities(Mapping[str, Any]):
    """The values that activities gave when they became ready, read only when an expression asks."""

    def __init__(self, flow: Flow, run: MutableRun, root: str) -> None:
        self._flow = flow
        self._doing = run.activities
        self._root = root

    @cached_property
    def _ready(self) -> Mapping[str, Any]:
        found = {}
        for key, doing in self._doing.items():
            scope, _, name = key.rpartition(":")
            if doing.work is Work.READY and self._flow.states[scope].root == self._root:
                found[name] = doing.value
        return found

    def __getitem__(self, name: str) -> Any:
        return self._ready[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ready)

    def __len__(self) -> int:
        return len(self._ready)
