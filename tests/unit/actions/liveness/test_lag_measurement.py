"""Measuring the lag of one push: what looks tell, what the uptime adds, and what it must not be believed."""

from __future__ import annotations

from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.actions.liveness.lag import PRECISE, Lag
from retake_flow.actions.liveness.lag_measurement import Measurement

TRIP = 0.02  # seconds from a question to its answer


class Stream:
    """A stream with a lag, whose uptime counts from some other moment where that is given."""

    def __init__(self, lag: float, *known: Lag, counted_from: float | None = None, began: float = -0.5) -> None:
        self.lag = lag
        self.counted_from = lag if counted_from is None else counted_from
        self.measurement = Measurement(began, known)

    def look(self, at: float) -> None:
        """Look at its status."""
        if at + TRIP / 2 < self.lag:
            self.measurement.add_miss(at)
        else:
            self.measurement.add_hit(at, at + TRIP, max(0, floor(at + TRIP / 2 - self.counted_from)))

    def confirm(self, *looks: float) -> Lag:
        """Look until it is live."""
        for at in looks:
            self.look(at)
        assert self.measurement.lag is not None
        return self.measurement.lag

    def measure(self) -> int:
        """Look as often as it tells something; gives how often."""
        looks, next_look = 0, 10.0
        while (at := self.measurement.is_informative(next_look)) is not None:
            assert at >= next_look
            self.look(at)
            looks, next_look = looks + 1, at + 3
            assert looks < 10
        return looks


@given(st.floats(0, 9))
def test_three_more_looks_tell_it_to_a_fifth_of_a_second(lag):
    """Each is taken when another second of uptime tells in which half of what it may be the lag is."""
    stream = Stream(lag)
    found = stream.confirm(*(look for look in (2.6, 5.6, 8.6, 11.6) if look < lag + 3))
    assert found.width <= 1 + TRIP
    assert stream.measure() <= 4
    assert stream.measurement.lag is not None
    assert stream.measurement.lag.after <= lag <= stream.measurement.lag.by + 1e-9
    assert stream.measurement.lag.width <= PRECISE


def test_looks_alone_tell_between_which_it_was():
    """After the last that missed, by the first that found it."""
    measurement = Measurement(-0.5, [])
    measurement.add_miss(2.6)
    measurement.add_hit(5.6, 5.62, 0)
    assert measurement.lag == Lag(4.6, 5.62, "uptime")


def test_nothing_is_known_of_a_stream_that_is_not_live():
    """And no more looks than the poll's own are worth taking."""
    measurement = Measurement(-0.5, [])
    measurement.add_miss(2.6)
    assert (measurement.lag, measurement.is_informative(5.6)) == (None, None)


def test_a_later_miss_changes_nothing():
    """A stream that went offline an hour later had no longer lag."""
    stream = Stream(1.0)
    found = stream.confirm(1.2)
    stream.measurement.add_miss(3600.0)
    assert stream.measurement.lag == found


@pytest.mark.parametrize("lag", [0.5, 1.5, 2.5, 4.0])
def test_an_uptime_that_counts_from_the_session_is_found_out(lag):
    """It says that the stream was live before a look that missed, or before there was video: then looks alone count."""
    stream = Stream(lag, counted_from=-0.9)
    found = stream.confirm(*(look for look in (0.2, 3.2, 6.2) if look < lag + 3))
    assert found.after < lag <= found.by
    assert found.source == "contradicted"
    assert stream.measure() == 0


def test_an_uptime_that_is_always_0_is_found_out():
    """With the first look it may be true; a later one contradicts it."""
    measurement = Measurement(-0.5, [])
    measurement.add_hit(2.6, 2.62, 0)
    assert measurement.lag == Lag(1.6, 2.62, "uptime")
    measurement.add_hit(10.1, 10.12, 0)
    assert measurement.lag == Lag(-0.5, 2.62, "contradicted")


def test_the_uptime_of_an_earlier_push_tells_nothing():
    """Where the platform goes on counting over a recovery, that is no reason not to believe it the next time."""
    stream = Stream(1.0, counted_from=-600.0)
    assert stream.confirm(1.2) == Lag(-0.5, 1.22)
    assert stream.measure() == 0


def test_after_a_minute_clocks_may_have_come_apart():
    """What the uptime says then is not compared with our own clock."""
    stream = Stream(1.0)
    found = stream.confirm(1.2)
    stream.counted_from = 1.9
    stream.look(3600.0)
    assert stream.measurement.lag == found


def test_where_it_has_misled_before_it_is_not_asked():
    """As long as that is among what is remembered."""
    stream = Stream(1.0, Lag(0, 3, "contradicted"))
    assert stream.confirm(1.2) == Lag(-0.5, 1.22)
    assert stream.measure() == 0


def test_a_stream_like_the_last_need_not_be_measured_again():
    """Where both tell the same, what was known more exactly holds."""
    known = Lag(0.95, 1.05, "uptime")
    stream = Stream(1.0, Lag(4, 5), known)
    assert stream.confirm(1.2) == known
    assert stream.measure() == 0


def test_a_platform_far_away_is_not_measured_again_and_again():
    """What is between a question and its answer cannot be told, and no further look is taken for that."""
    measurement = Measurement(-0.5, [])
    measurement.add_hit(2.6, 3.0, 1)
    looks = 0
    while (at := measurement.is_informative(10.0 + 3 * looks)) is not None:
        measurement.add_hit(at, at + 0.4, floor(at + 0.2 - 1.5))
        looks += 1
        assert looks <= 3
    assert measurement.lag is not None
    assert measurement.lag.after < 1.5 <= measurement.lag.by
    again = Measurement(-0.5, [measurement.lag])
    again.add_hit(1.8, 2.2, 0)
    assert again.is_informative(10.0) is None


def test_a_stream_unlike_the_last_is_measured():
    """It tells of itself."""
    stream = Stream(2.3, Lag(0.95, 1.05, "uptime"))
    stream.confirm(1.2, 4.2)
    assert stream.measure() == 3
    assert stream.measurement.lag is not None
    assert stream.measurement.lag.after < 2.3 <= stream.measurement.lag.by
