"""Calendar times: `{until: "20:00", zone: …}`, `{cron: "0 20 * * 1-5", zone: …}` and `{at: "23:30", zone: …}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from retake_flow.sanitize import cut

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: How late, in seconds, a time may be noticed without counting as missed.
GRACE: Final = 60.0
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def next_time(written: Mapping[str, Any], now: float) -> float:
    """The next moment after `now` (both seconds since the epoch, by the wall clock) that a calendar time means.

    A local time that a change of the clocks skips comes right after the gap; one that comes twice counts once, the
    first time.

    Raises:
        ValueError: The time or the zone cannot be read, or the time never comes.
    """
    from cronsim import CronSim, CronSimError

    zone, cron = _zone(written.get("zone")), _cron(written)
    try:
        return next(CronSim(cron, datetime.fromtimestamp(now, zone))).timestamp()
    except (CronSimError, StopIteration, ValueError, OverflowError):
        expected = 'write five fields such as "0 20 * * 1-5": minute, hour, day, month and day of the week'
        raise ValueError(f"{cut(repr(cron))} is no time that ever comes; {expected}") from None


def is_missed(written: Any, late: float) -> bool:
    """Whether a time is skipped, since it is noticed `late` seconds after it has passed."""
    return isinstance(written, Mapping) and written.get("missed", "skip") == "skip" and late > GRACE


def describe(written: Mapping[str, Any]) -> str:
    """A calendar time as people read it."""
    parts = (*(written[key] for key in ("until", "at", "cron") if key in written), written.get("zone", ""))
    return " ".join(str(getattr(part, "text", part)).strip("{ }") for part in parts)


def _written_time(written: Mapping[str, Any]) -> str:
    return str(next((written[key] for key in ("until", "at", "cron") if key in written), ""))


def _cron(written: Mapping[str, Any]) -> str:
    text = _written_time(written).strip()
    if {"until", "cron"} <= written.keys():
        raise ValueError("either `until` or `cron` says when, not both")
    if "cron" in written:
        if len(text.split()) != 5:
            raise ValueError(f'{cut(repr(text))} is no cron expression; write five fields such as "0 20 * * 1-5"')
        return text
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise ValueError(f'{cut(repr(text))} is no time of day; write for example "20:00"')
    return f"{int(clock[2])} {int(clock[1])} * * *"


def _zone(name: object) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{cut(repr(name))} is no time zone; write one such as Europe/Berlin or UTC") from None
