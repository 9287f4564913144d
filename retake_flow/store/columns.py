"""Column values, checked on reading: SQLite keeps a value of any type in any column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from retake_flow.errors import Damaged
from retake_flow.ports.runs import Holder, Summary
from retake_flow.run.run import LATEST, Phase
from retake_flow.sanitize import cut

_LARGEST: Final = 2**31 - 1  # of whole numbers
_LONGEST = 40  # characters quoted from a bad value
_PHASES = {phase.value: phase for phase in Phase}


def text(name: str, value: object) -> str:
    """A text.

    Raises:
        Damaged: The value is something else, or not UTF-8.
    """
    if isinstance(value, str) and (value.isascii() or _encodes(value)):
        return value
    raise Damaged(f"its {name} is {quote(value)}")


def time(name: str, value: object) -> float:
    """A time in seconds since the epoch.

    Raises:
        Damaged: The value is something else, or not a valid date.
    """
    if isinstance(value, float | int) and 0 <= value <= LATEST:
        return value
    raise Damaged(f"its {name} is {quote(value)}")


def number(name: str, value: object) -> int:
    """A whole number, 0 or greater.

    Raises:
        Damaged: The value is something else.
    """
    if type(value) is int and 0 <= value <= _LARGEST:
        return value
    raise Damaged(f"its {name} is {quote(value)}")


def holder(host: object, pid: object, started: object, where: object, lease: object) -> Holder | None:
    """The process that drives a run; None when no process does.

    Raises:
        Damaged: The columns do not hold that.
    """
    if host is None:
        return None
    process = text("host", host), number("process id", pid), time("start of its process", started)
    leased = float(lease) if isinstance(lease, float | int) else None
    return Holder(*process, where if isinstance(where, str) else "", leased)


def summary(row: Sequence[Any], gates: int) -> Summary:
    """A run's summary from its columns in the order of `Summary`; for a damaged run, as much as can be known."""
    run, flow, agent, phase, state, outcome, reason, *process, created, updated, file, rehearsal, submitted = row
    words = {"id": run, "flow": flow, "agent": agent, "state": state, "reason": reason, "file": file}
    words |= {"rehearsal": rehearsal, "outcome": "" if outcome is None else outcome}
    held, damage = None, ""
    try:
        _all_texts(words)
        if not isinstance(phase, str) or phase not in _PHASES:
            raise Damaged(f"its phase is {quote(phase)}")
        time("beginning", created), time("time", updated)
        held = holder(*process)
    except Damaged as error:
        damage = error.message
        run, flow, agent, state, reason, file, rehearsal, outcome = map(as_text, words.values())
        phase = phase if isinstance(phase, str) and phase in _PHASES else Phase.FAULTED.value
        created, updated = (
            float(at) if isinstance(at, float | int) and 0 <= at <= LATEST else 0.0 for at in (created, updated)
        )
        outcome = outcome or None
    about = run, flow, agent, _PHASES[phase], state, outcome, reason, gates, held, created, updated, file, rehearsal
    return Summary(*about, bool(submitted), damage)


def _all_texts(words: Mapping[str, Any]) -> None:
    try:
        if "".join(words.values()).isascii():  # the usual case; ten thousand are read in a moment
            return
    except TypeError:
        pass
    for name, value in words.items():
        text(name, value)


def quote(value: object) -> str:
    """An unexpected value, shortened."""
    return cut(repr(value), _LONGEST)


def as_text(value: object) -> str:
    """A value as printable text; a text stands for itself."""
    return value if isinstance(value, str) and _encodes(value) else quote(value)


def texts(found: Iterable[object]) -> list[str]:
    """The values that are texts; SQLite may hold others."""
    return [value for value in found if isinstance(value, str) and as_text(value) == value]


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(value: str) -> str:
    """A text that every database accepts, with a question mark for each lone surrogate and NUL."""
    return (
        value if value.isascii() and "\0" not in value else value.encode("utf-8", "replace").decode().replace("\0", "?")
    )


def storable_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row with texts that every database accepts."""
    return {name: storable(value) if isinstance(value, str) else value for name, value in row.items()}
