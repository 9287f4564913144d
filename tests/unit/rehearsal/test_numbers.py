"""Numbers of every kind in the options of a rehearsal: taken, or one message."""

from __future__ import annotations

import pytest

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.options import Options


@pytest.mark.parametrize(
    "value",
    ["1e400", "-1e400", "NaN", "Infinity", "-1", "9" * 400, "9" * 5_000, "1e19", "true", '"1e400"', "0x10", "1_0"],
)
@pytest.mark.parametrize("name", ["latency", "lag", "part", "seed"])
def test_a_number_that_is_none_is_said(name: str, value: str) -> None:
    """What is not finite, negative, too large or no number is refused."""
    with pytest.raises(UsageError):
        Options.from_json(f'{{"{name}": {value}}}')


@pytest.mark.parametrize("value", ["1e400", "NaN", "9" * 400, '"1e400s"', '"nan"', "[]", '"' + "9" * 5_000 + '"'])
def test_a_clock_that_cannot_be_set_is_said(value: str) -> None:
    """So is a difference of the clocks."""
    with pytest.raises(UsageError):
        Options.from_json(f'{{"clock": {value}}}')


def test_large_numbers_that_can_be_are_taken() -> None:
    """A seed of eighteen digits, and no lag at all, also when it is written as minus nothing."""
    options = Options.from_json('{"seed": 123456789012345678, "lag": -0.0}')
    assert (options.seed, options.lag) == (123456789012345678, 0)
