"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.flow.duration import seconds, words


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30s", 30.0),
        ("3m", 180.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        ("1d", 86400.0),
        ("2w", 1209600.0),
        ("1m500ms", 60.5),
        (" 10s ", 10.0),
        ("12", 12.0),
        ("0.25", 0.25),
        (7, 7.0),
        (0.5, 0.5),
        (0, 0.0),
    ],
)
def test_durations_are_read(written: object, meant: float) -> None:
    """A duration is numbers with units, one after the other, or a number of seconds."""
    assert seconds(written) == pytest.approx(meant)


@pytest.mark.parametrize(
    "written",
    ["", "s", "3 parsecs", "3 m", "-1s", "1h-1m", "1e3", "1:30", "m3", "11y", -1, True, None, [], "11000d", 1e12,
     float("nan"), float("inf"), "9" * 400 + "s", "٣s", "٣", "²s", "1e400s", "1_0s", "0x1s"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(written: object) -> None:
    """What cannot be a duration, is negative or longer than ten years is an error that names it."""
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(written)


@pytest.mark.parametrize(
    ("total", "said"), [(0.4, "0s"), (8.2, "8s"), (60, "1m00s"), (200, "3m20s"), (3720, "1h02m"), (90061, "25h01m")]
)
def test_durations_are_said(total: float, said: str) -> None:
    """A duration is said with the two largest units that matter."""
    assert words(total) == said


@given(st.text(alphabet="0123456789.smhdw -", max_size=12))
def test_a_text_is_a_duration_or_refused(text: str) -> None:
    """Whatever is written, it is seconds between zero and ten years or a ValueError."""
    try:
        meant = seconds(text)
    except ValueError:
        return
    assert 0 <= meant <= 3660 * 86400
