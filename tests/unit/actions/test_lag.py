"""The lag that earlier streams tell: when to look first, and what is kept of it beside the credentials."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.actions.lag import PRECISE, Lag, LagFile, Measurement, first_look, path_beside, trustworthy

RETAKE, LOCAL = "https://retake.tv", "http://127.0.0.1:8080"
TIMES = st.floats(0, 20)
LAGS = st.builds(lambda after, width: Lag(after, after + width), TIMES, st.floats(0.01, 3))


def exact(*lags: float) -> list[Lag]:
    """Streams whose lags are known to a tenth of a second."""
    return [Lag(lag - 0.1, lag) for lag in lags]


def test_nothing_is_known_without_a_stream():
    """Then there is no time to look first."""
    assert first_look([]) is None


@given(TIMES)
def test_it_is_looked_a_little_after_the_lag(lag):
    """A look that misses costs three seconds, one that is late costs what it is late."""
    look = first_look(exact(lag))
    assert look is not None
    assert lag < look <= lag + 0.2


@pytest.mark.parametrize(
    ("lags", "about"),
    [
        ((1, 1, 9), 1),
        ((9, 1, 1), 1),
        ((1, 1, 1, 9, 1), 1),
        ((1, 1, 1, 5, 5, 5), 5),
        ((5, 5, 5, 1, 1), 1),
        ((5, 1), 1),
        ((1.0, 1.4, 1.1, 1.3), 1.4),
        ((1, 2, 1, 2, 1, 2), 2),
    ],
)
def test_an_exception_changes_nothing_and_a_change_is_followed(lags, about):
    """One stream out of line is not followed; what is so twice is; where lags vary it is looked after the longest."""
    look = first_look(exact(*lags))
    assert look is not None
    assert about < look <= about + 0.2


def test_a_lag_known_to_the_second_is_looked_for_at_its_end():
    """In the middle it would miss half the time, and a miss costs more than the second."""
    assert first_look([Lag(1.0, 2.0)]) == pytest.approx(2.15)


def test_a_lag_known_to_three_seconds_is_looked_for_in_its_middle():
    """That costs no more, and tells more."""
    assert first_look([Lag(2.5, 5.6)]) == pytest.approx(4.2)


@given(st.lists(LAGS, min_size=1, max_size=8))
def test_it_is_looked_within_the_guides_patience(lags):
    """Whatever was learnt, there is time for another look before the thirty seconds are over."""
    look = first_look(lags)
    assert look is not None
    assert 0 <= look <= 24


def test_an_uptime_that_has_misled_counts_no_more():
    """What followed from it is forgotten; what looks told is not."""
    looks, uptime, misled = Lag(1, 4), Lag(0.1, 0.2, "uptime"), Lag(2, 5, "contradicted")
    assert list(trustworthy([looks, uptime])) == [looks, uptime]
    assert list(trustworthy([looks, uptime, misled])) == [looks, misled]


def test_what_two_streams_tell_together():
    """Where they contradict each other, nothing."""
    assert Lag(1, 3).within(Lag(2, 4, "uptime")) == Lag(2, 3, "uptime")
    assert Lag(1, 2).within(Lag(2, 3)) is None


# --- the file -------------------------------------------------------------------------------------------------


@pytest.fixture
def credentials(tmp_path):
    """Where the credentials are; they need not be there."""
    return tmp_path / "retake" / "credentials.json"


def test_lags_are_kept_beside_the_credentials(credentials):
    """The newest eight of them, readable by their owner alone, each agent's by itself."""
    lags = [Lag(n, n + 0.5, "uptime") for n in range(12)]
    LagFile(credentials, RETAKE).save(lags)
    path = credentials.parent / "credentials.json.lag"
    assert path_beside(credentials) == path
    assert path.stat().st_mode & 0o777 == 0o600
    assert LagFile(credentials, RETAKE).load() == tuple(lags[-8:])
    assert LagFile(credentials.with_name("other.json"), RETAKE).load() == ()


def test_a_rehearsal_has_lags_of_its_own(credentials):
    """Whatever its port; what it learns changes nothing of what is known of retake.tv."""
    LagFile(credentials, RETAKE).save([Lag(1, 2)])
    LagFile(credentials, LOCAL).save([Lag(3, 4)])
    assert LagFile(credentials, RETAKE).load() == (Lag(1, 2),)
    assert LagFile(credentials, "http://127.0.0.1:9").load() == (Lag(3, 4),)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0\xff", b"[", b"[]", b"null", b"7", b'{"retake.tv": 7}', b'{"retake.tv": {"a": 1}}', b"[" * 100_000,
        b'{"retake.tv": [null, 1, [], [1], [1, 2], [1, 2, 3], [1, 2, "rumour"], ["1", "2", "looks"], {"a": 1}]}',
        b'{"retake.tv": [[NaN, 1, "looks"], [0, Infinity, "looks"], [2, 1, "looks"], [1, 1, "looks"]]}',
        b'{"retake.tv": [[0, 1e300, "looks"], [-99, 1, "looks"], [0, 1' + b"0" * 400 + b', "looks"]]}',
        b'{"retake.tv": [[0, 1, ["looks"]], [0, 1, null]]}',
    ],
)  # fmt: skip
def test_nonsense_is_no_lag(credentials, content):
    """It is passed over, and the next stream writes anew."""
    file = LagFile(credentials, RETAKE)
    credentials.parent.mkdir()
    file.path.write_bytes(content)
    file.path.chmod(0o600)
    assert file.load() == ()
    file.save([Lag(1, 2)])
    assert file.load() == (Lag(1, 2),)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.write_bytes(b" " * (2 << 20))])
def test_what_is_no_file_of_ours_is_passed_over(credentials, make):
    """A folder, a pipe without a writer, something huge."""
    file = LagFile(credentials, RETAKE)
    credentials.parent.mkdir()
    make(file.path)
    assert file.load() == ()


def test_what_is_good_among_nonsense_counts(credentials):
    """A line that somebody has spoilt does not spoil the others."""
    file = LagFile(credentials, RETAKE)
    file.save([Lag(1, 2)])
    content = json.loads(file.path.read_text())
    content["retake.tv"].insert(0, "spoilt")
    file.path.write_text(json.dumps(content))
    assert file.load() == (Lag(1, 2),)


def test_the_looks_of_a_first_stream_are_no_worse_on_average():
    """The table of the decision: mean waits over lags of 0-10 s for a first look so long after the first frames."""

    def mean(first: float) -> float:
        looks = [first + 3 * number for number in range(6)]
        lags = [number / 1000 for number in range(10_000)]
        return sum(next(look for look in looks if look >= lag) - lag for lag in lags) / len(lags)

    means = {first: round(mean(first), 2) for first in (0.4, 1.0, 1.65, 2.15, 2.65)}
    assert means == {0.4: 1.52, 1.0: 1.4, 1.65: 1.46, 2.15: 1.51, 2.65: 1.56}
    assert all(later > sooner for sooner, later in pairwise(list(means.values())[1:]))


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
