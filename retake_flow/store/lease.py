"""Lease: for how long a process has a run, and when it must have stopped using it.

The store's clock decides when others may take the run: a lease after the last renewal. The holder stops earlier
by a clock of its own, which no one can set and which counts time in suspension, so that two never drive one run.
"""

from __future__ import annotations

import time
from typing import Final

#: The share of it after which the holder itself counts the run as lost.
SURE: Final = 5 / 7
#: It is renewed twelve times until then, but at most every three seconds; a short one often enough that one renewal may
#: be lost. A renewal has to be answered within the last of these shares.
_USUAL, _SHORT, _LEAST, _ANSWER = 12, 3.0, 2.5, 0.35

#: The holder's undos end so many seconds before others may take the run.
_APART = 2.0


class Lease:
    """The lease of a claim, as its holder knows it.

    Args:
        length: How long it lasts, in seconds.
    """

    def __init__(self, length: float) -> None:
        self.length = length
        self._renewed = self._tried = self.clock()

    @staticmethod
    def clock() -> float:
        """The holder's clock, in seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    @property
    def beat(self) -> float:
        """Seconds between renewals."""
        sure = self.length * SURE
        return max(sure / _USUAL, min(_SHORT, sure / _LEAST))

    @property
    def due(self) -> bool:
        """Whether it is time to renew it in a store that few processes share: a third of it has passed."""
        return self.clock() - self._tried >= self.length / 3

    @property
    def beat_within(self) -> float:
        """Seconds after which a renewal without an answer is given up, while there is time for another one."""
        return self.length * SURE * _ANSWER

    def beat_due(self, tried: float) -> float:
        """When to renew it next, by the clock, if that was last tried at some time; a write renews it too."""
        return max(self._renewed, tried) + self.beat

    @property
    def seconds_left(self) -> float:
        """For how many more seconds the holder is sure of the run; negative once it is not."""
        return self._renewed + self.length * SURE - self.clock()

    @property
    def undo_within(self) -> float:
        """For how many more seconds an undo cannot touch what the next holder starts; not positive once it can."""
        return self._renewed + self.length - _APART - self.clock()

    def note_try(self) -> float:
        """Note that a renewal begins, and return the time."""
        self._tried = self.clock()
        return self._tried

    def note_renewal(self, began: float) -> None:
        """Note that it was renewed by a transaction that began at a time of `clock`."""
        self._renewed = max(self._renewed, began)
        self._tried = max(self._tried, began)
