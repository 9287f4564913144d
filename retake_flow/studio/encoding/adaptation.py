"""Adaptation: lowers the settings of an encoder that is too slow, and raises them again.

ffmpeg cannot change its settings while it runs. So an encoder that is to change ends with a reason, as one that has
died does, and the flow heals it: with a fresh key and a new encoder, which has the next settings.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from retake_flow.quick_dataclasses import dataclass
from retake_flow.studio.encoding.encoder import Encoder
from retake_flow.studio.encoding.quality import Quality
from retake_flow.tasks import first_of

#: How long the encoder may be too slow, in seconds.
SLOW_FOR: Final = 60.0
#: How long the encoder has to keep up before better settings are tried; doubled after each failed try.
STEADY: Final = 600.0
LONGEST: Final = 7200.0
_LOOK_SECONDS: Final = 1.0


class Adaptation:
    """The settings of a run's encoder, one after the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: tuple[Quality, ...] = ()
        self._level = 0
        self._rose_at: float | None = None
        self._patience = STEADY

    def begin(self, wanted: Quality) -> Quality:
        """The settings for an encoder that starts now; new settings begin at their first step."""
        if self._steps[:1] != (wanted,):
            self._steps, self._level, self._rose_at, self._patience = (wanted, *wanted.lower()), 0, None, STEADY
        return self._steps[self._level]

    def next(self, slow_for: float, kept_up_for: float) -> str:
        """Change the settings if it is time, and say why; "" as long as they stay.

        Args:
            slow_for: For how many seconds the encoder has been too slow.
            kept_up_for: For how many seconds it has kept up.
        """
        if slow_for >= SLOW_FOR and self._level + 1 < len(self._steps):
            if self._rose_at is not None and self._clock() - self._rose_at < self._patience:
                self._patience = min(LONGEST, 2 * self._patience)
            self._level, self._rose_at = self._level + 1, None
            return f"the encoder is too slow for this machine: it continues with {self._steps[self._level].summary}"
        if self._level and kept_up_for >= self._patience:
            self._level, self._rose_at = self._level - 1, self._clock()
            return f"the encoder keeps up again: it continues with {self._steps[self._level].summary}"
        return ""


@dataclass(frozen=True, slots=True)
class AdaptiveEncoder:
    """A running encoder that ends when its settings are to change."""

    encoder: Encoder
    adaptation: Adaptation

    @property
    def value(self) -> Mapping[str, Any]:
        """The value of the encoder."""
        return self.encoder.value

    async def wait(self) -> str:
        """Wait until the encoder ends or is to change, and return why.

        Raises:
            PushClosed: The ingest has ended the push.
            IngestUnreachable: The connection to the ingest is lost.
        """
        async with first_of(self.encoder.wait(), self._change()) as (ended, changing):
            return ended.result() if ended.done() else changing.result()

    async def _change(self) -> str:
        steady_since = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            slow_for = self.encoder.health.slow_for
            if slow_for:
                steady_since = time.monotonic()
            if reason := self.adaptation.next(slow_for, time.monotonic() - steady_since):
                return reason
