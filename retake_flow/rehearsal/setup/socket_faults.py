"""Faults of the real-time sockets."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from retake_flow.rehearsal.setup.option_fields import Fields

SocketTrouble = Literal["refuse", "drop", "lose", "double"]

TROUBLES: tuple[SocketTrouble, ...] = get_args(SocketTrouble)


@dataclass(frozen=True, slots=True)
class SocketFault:
    """One failure of the real-time events.

    Attributes:
        socket: `refuse` a connection; `drop` all connections in place of an event; `lose` an event; send it twice
            (`double`).
        event: Which events count; `*` and `?` match anything. Ignored by `refuse`.
        times: How many connections or events fail; None for all.
        after: How many succeed first.
    """

    socket: SocketTrouble
    event: str = "*"
    times: int | None = 1
    after: int = 0

    @classmethod
    def read(cls, fields: Fields) -> SocketFault:
        """Read a fault from JSON.

        Raises:
            UsageError: The JSON is not such a fault.
        """
        fault = cls(
            socket=fields.choice("socket", TROUBLES, TROUBLES[0]),
            event=fields.text("event", "*"),
            times=fields.times("times"),
            after=fields.whole("after", 0),
        )
        fields.end()
        return fault

    def meets(self, event: str) -> bool:
        """Whether an event of this name counts."""
        return self.socket != "refuse" and fnmatchcase(event, self.event)
