"""What faults are called."""

from __future__ import annotations

import pytest

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.testing.steps.platform import ELSEWHERE, fault

CALL = "POST /agent/rtmp"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("status 429 with Retry-After 7", Fault(CALL, status=429, headers={"Retry-After": "7"})),
        ("a delay of 30 s", Fault(CALL, delay=30.0)),
        ("a dropped connection", Fault(CALL, drop=True)),
        ("a dropped connection after its work was done", Fault(CALL, drop=True, effect=True)),
        ("a redirect to another host", Fault(CALL, redirect=ELSEWHERE)),
    ],
)
def test_words_mean_faults(words, meant):
    """Each wording is one fault of the rehearsal."""
    assert fault(CALL, words) == meant


def test_how_often_and_from_when():
    """A fault may last, and may begin later."""
    meant = fault(CALL, "status 503", times=None, after=2)
    assert (meant.status, meant.times, meant.after) == (503, None, 2)


def test_an_unknown_wording_is_told():
    """A scenario with a slip of the pen fails with what could have been meant."""
    for words in ("a full moon", "status ٣", "status 1e400", "a delay of nan s"):
        with pytest.raises(UsageError, match=f"no fault called '{words}'") as refused:
            fault(CALL, words)
        assert "status N with Retry-After N" in refused.value.hint
