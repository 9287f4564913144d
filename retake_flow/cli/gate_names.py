"""What a person calls a gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from retake_flow.run.gates import Gate

#: How a name may mean a gate, the strictest first.
_WAYS: tuple[Callable[[str, Gate], bool], ...] = (
    lambda name, gate: name == gate.id,
    lambda name, gate: name == gate.place,
    lambda name, gate: bool(re.search(rf"[/:]{re.escape(name)}$", gate.place)),
    lambda name, gate: bool(re.search(rf"[/:]{re.escape(name)}$", gate.id)),
    lambda name, gate: name in gate.place,
)


def matching(name: str, gates: Iterable[Gate]) -> list[Gate]:
    """The gates that a name means: by id or place, the end of them, or a part of the place; all of them for "".

    The strictest way in which any gate is meant counts.
    """
    known = list(gates)
    if not name:
        return known
    for means in _WAYS:
        found = [gate for gate in known if means(name, gate)]
        if found:
            return found
    return []
