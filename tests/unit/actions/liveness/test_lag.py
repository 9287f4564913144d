"""The lag that earlier streams tell: when to look first, and what is kept of it beside the credentials."""

from __future__ import annotations

import json
import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.actions.liveness.lag import Lag, LagFile, first_look, path_beside, trustworthy

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
