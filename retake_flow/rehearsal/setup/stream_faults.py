"""Faults of a stream on air."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from retake_flow.rehearsal.setup.option_fields import Fields

StreamTrouble = Literal["frozen_status", "offline", "rotate_key", "close_push", "stall"]

TROUBLES: tuple[StreamTrouble, ...] = get_args(StreamTrouble)


@dataclass(frozen=True, slots=True)
class StreamFault:
    """One failure of a stream.

    Attributes:
        stream: `frozen_status`: `is_live` keeps its value; `offline`: it is false although video flows; `rotate_key`:
            the platform issues a new key by itself, so that the push with the old one is closed; `close_push`: the
            ingest closes the push; `stall`: the ingest reads no more.
        at: Seconds after the stream went live; for a fault added while the rehearsal runs, from then.
        lasts: Duration in seconds. None means for good (`frozen_status`), until the next session (`offline`) or until
            the push ends (`stall`); the others are over at once.
    """

    stream: StreamTrouble
    at: float = 0.0
    lasts: float | None = None

    @classmethod
    def read(cls, fields: Fields) -> StreamFault:
        """Read a fault from JSON.

        Raises:
            UsageError: The JSON is not such a fault.
        """
        fault = cls(
            stream=fields.choice("stream", TROUBLES, TROUBLES[0]),
            at=fields.number("at", 0.0),
            lasts=fields.number("lasts") if fields.anything("lasts") is not None else None,
        )
        fields.end()
        return fault


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that has happened: when, in epoch seconds, and to whose stream."""

    at: float
    agent: str
    fault: StreamFault
