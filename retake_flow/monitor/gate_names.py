"""Gate names: match the name that a user types with a gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Named(Protocol):
    """Anything that has the names of a gate, as `Gate` has."""

    @property
    def id(self) -> str:
        """`PLACE.VISIT`."""

    @property
    def place(self) -> str:
        """The path of a state or the key of an activity."""


@dataclass(frozen=True, slots=True)
class Past:
    """A gate of which only the id is known."""

    id: str

    @property
    def place(self) -> str:
        """The state or activity that asked."""
        return self.id.rpartition(".")[0]


_Gate = TypeVar("_Gate", bound=Named)

#: The ways in which a name may match a gate, the strictest first.
_WAYS: tuple[Callable[[str, Named], bool], ...] = (
    lambda name, gate: name == gate.id,
    lambda name, gate: name == gate.place,
    lambda name, gate: bool(re.search(rf"[/:]{re.escape(name)}$", gate.place)),
    lambda name, gate: bool(re.search(rf"[/:]{re.escape(name)}$", gate.id)),
    lambda name, gate: name in gate.place,
)


def matching(name: str, gates: Iterable[_Gate]) -> list[_Gate]:
    """The gates that match a name: by id or place, by the end of either, or by a part of the place; all of them for "".

    Only the strictest kind of match that finds a gate counts.
    """
    known = list(gates)
    if not name:
        return known
    for means in _WAYS:
        found = [gate for gate in known if means(name, gate)]
        if found:
            return found
    return []
