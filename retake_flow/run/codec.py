"""A run as plain JSON data and back, so that it survives; versioned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from retake_flow.errors import StoreError
from retake_flow.redact import Secret
from retake_flow.run.gates import Gate
from retake_flow.run.run import ActivityState, Attempt, PendingUndo, Phase, Run, Work

#: The version of the form of a snapshot.
VERSION = 1


def encode(run: Run) -> dict[str, Any]:
    """The run as JSON data. Secrets are left out: what needs one fetches it anew."""
    answer = {name: _plain(getattr(run, name)) for name in Run.__dataclass_fields__}
    answer["timers"] = [[state, purpose, due] for (state, purpose), due in run.timers.items()]
    answer["gates"] = {key: _plain(asdict(gate)) for key, gate in run.gates.items()}
    answer["undos"] = [_plain(asdict(undo)) for undo in run.undos]
    answer["undoing"] = [_plain(asdict(undo)) for undo in run.undoing]
    answer["activities"] = {key: _plain(asdict(doing)) for key, doing in run.activities.items()}
    answer["attempt"] = None if run.attempt is None else asdict(run.attempt)
    return {"version": VERSION, **answer}


def decode(data: Mapping[str, Any]) -> Run:
    """The run in JSON data that `encode` made.

    Raises:
        StoreError: It is of a newer version, or no run.
    """
    version = data.get("version")
    if version != VERSION:
        raise StoreError(
            f"this run was written in form {version!r}; this program knows {VERSION}", hint="update retake-flow"
        )
    try:
        return _decoded(data)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"this is no run: {error}") from None


def _decoded(data: Mapping[str, Any]) -> Run:
    special = {
        "phase": Phase(data["phase"]),
        "timers": {(state, purpose): float(due) for state, purpose, due in data["timers"]},
        "gates": {key: Gate(**gate) for key, gate in data["gates"].items()},
        "undos": tuple(PendingUndo(**undo) for undo in data["undos"]),
        "undoing": tuple(PendingUndo(**undo) for undo in data["undoing"]),
        "activities": {
            key: ActivityState(doing["visit"], Work(doing["work"]), doing["value"])
            for key, doing in data["activities"].items()
        },
        "attempt": None if data["attempt"] is None else Attempt(**data["attempt"]),
    }
    return Run(**{name: special.get(name, data[name]) for name in Run.__dataclass_fields__})


def _plain(value: Any) -> Any:
    """Plain JSON data; a mapping loses its secrets, a list holds none in their place."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if not isinstance(item, Secret)}
    if isinstance(value, list | tuple):
        return [None if isinstance(item, Secret) else _plain(item) for item in value]
    return value
