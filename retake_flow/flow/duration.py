"""Durations as people write them: `30s`, `3m`, `1h30m`, `500ms`, or a number of seconds."""

from __future__ import annotations

import math
import re

from retake_flow.sanitize import cut

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = r"[0-9]{1,9}(?:\.[0-9]{1,9})?(?:ms|[smhdw])"
PATTERN = rf"^(?:{_PART})+$"
EXPECTED = "write a time such as 30s, 3m, 1h30m or 500ms"
#: Ten years, in seconds.
LONGEST = 10 * 366 * 86400.0


def seconds(value: object) -> float:
    """The seconds of a duration.

    Raises:
        ValueError: It is not a duration, is negative, or is longer than ten years.
    """
    total = _parse(value)
    if not 0 <= total <= LONGEST:
        raise ValueError(f"{_shorten(value)} is not a duration between 0 and ten years")
    return total


def _parse(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) <= LONGEST else math.inf
    text = value.strip() if isinstance(value, str) else ""
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return float(text)
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"{_shorten(value)} is not a duration; write for example 30s, 3m, 1h30m or 500ms")
    return sum(float(n) * _UNITS[u] for n, u in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", text))


def _shorten(value: object) -> str:
    if isinstance(value, int) and abs(value) > LONGEST:
        return "so large a number"  # Python converts no number of more than 4,300 digits to text
    return cut(repr(value))


def words(total: float) -> str:
    """A duration as people read it, to the second: `1h02m`, `3m20s`, `8s`."""
    whole = round(total)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{secs:02}s" if minutes else f"{secs}s"


def exact(total: float) -> str:
    """A duration as a flow writes it, to the millisecond: `12h0.4s`, `7d`, `400ms`."""
    if 0 < total < 1:
        return f"{round(total * 1000):g}ms"
    whole, rest = divmod(round(total, 3), 60)
    parts = [f"{rest:.3f}".rstrip("0").rstrip(".") + "s"] if round(rest, 3) or not whole else []
    for unit, size in (("m", 60), ("h", 24), ("d", None)):
        whole, part = divmod(whole, size) if size else (0, whole)
        if part:
            parts.insert(0, f"{part:g}{unit}")
    return "".join(parts)
