"""Fault plan: the injected faults that remain, counted as they happen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from retake_flow.rehearsal.setup.faults import AnyFault, Fault, SocketFault, SocketTrouble, StreamFault
from retake_flow.settings import API_PATH


class FaultPlan:
    """The remaining faults; counts calls, connections and events."""

    def __init__(self, faults: Iterable[AnyFault] = ()) -> None:
        self._entries: list[_Entry] = []
        self._streams: list[StreamFault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: AnyFault) -> None:
        """Add a fault, behind those that match the same."""
        if isinstance(fault, StreamFault):
            self._streams.append(fault)
        else:
            self._entries.append(_Entry(fault))

    def clear(self) -> None:
        """Remove all faults."""
        self._entries.clear()
        self._streams.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this call, if any; counts it as used once.

        The path is without the query.
        """
        call = f"{method} {path.removeprefix(API_PATH)}"
        for entry in self._entries:
            fault = entry.fault
            if isinstance(fault, Fault) and fnmatchcase(call, fault.call) and entry.due():
                return fault
        return None

    def take_connection(self) -> bool:
        """Whether this real-time connection is refused; counts the fault as used once."""
        return any(_is_refusal(entry.fault) and entry.due() for entry in self._entries)

    def take_event(self, event: str) -> SocketTrouble | None:
        """The fault for this real-time event, if any; counts it as used once."""
        for entry in self._entries:
            fault = entry.fault
            if isinstance(fault, SocketFault) and fault.meets(event) and entry.due():
                return fault.socket
        return None

    def take_stream(self, fault: StreamFault) -> bool:
        """Whether this fault of a stream is still pending; marks it as used."""
        if fault not in self._streams:
            return False
        self._streams.remove(fault)
        return True

    @property
    def of_streams(self) -> tuple[StreamFault, ...]:
        """The pending faults of streams, earliest first."""
        return tuple(sorted(self._streams, key=lambda fault: fault.at))

    @property
    def remaining(self) -> tuple[AnyFault, ...]:
        """The pending faults, less the uses already counted."""
        return (*(entry.rest for entry in self._entries if entry.pending), *self._streams)

    @property
    def pending(self) -> int:
        """The number of faults that are not used up; a fault without an end always counts."""
        return sum(entry.pending for entry in self._entries) + len(self._streams)


@dataclass(slots=True)
class _Entry:
    fault: Fault | SocketFault
    skipped: int = 0
    used: int = 0

    @property
    def pending(self) -> bool:
        return self.fault.times is None or self.used < self.fault.times

    @property
    def rest(self) -> Fault | SocketFault:
        times = None if self.fault.times is None else self.fault.times - self.used
        return replace(self.fault, times=times, after=self.fault.after - self.skipped)

    def due(self) -> bool:
        if not self.pending:
            return False
        if self.skipped < self.fault.after:
            self.skipped += 1
            return False
        self.used += 1
        return True


def _is_refusal(fault: AnyFault) -> bool:
    return isinstance(fault, SocketFault) and fault.socket == "refuse"
