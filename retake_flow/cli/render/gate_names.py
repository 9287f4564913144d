"""What a person calls a gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar


class Named(Protocol):
    """What has the names of a gate, as `Gate` has them."""

    @property
    def id(self) -> str:
        """`PLACE.VISIT`."""

    @property
    def place(self) -> str:
        """The path of a state or the key of an activity."""


@dataclass(frozen=True, slots=True)
class Past:
    """A gate of which no more than its id is known."""

    id: str

    @property
    def place(self) -> str:
        """Who has asked."""
        return self.id.rpartition(".")[0]


_Gate = TypeVar("_Gate", bound=Named)

#: How a name may mean a gate, the strictest first.
_WAYS: tuple[Callable[[str, Named], bool], ...] = (
    lambda name, gate: name == gate.id,
    lambda name, gate: name == gate.place,
    lambda name, gate: bool(re.search(rf"[/:]{re.escape(name)}$", gate.place)),
    lambda name, gate: bool(re.search(rf"[/:]{re.escape(name)}$", gate.id)),
    lambda name, gate: name in gate.place,
)


def matching(name: str, gates: Iterable[_Gate]) -> list[_Gate]:
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
