"""Records: what they hold, and their dates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.redact import MASK, Secret
from retake_flow.run.records import masked, record, record_to_run_time, record_to_stored, timestamp

AT = 1_767_225_600.25
T = "2026-01-01T00:00:00.250Z"


def test_a_record_has_its_time_its_name_and_its_fields() -> None:
    """A record begins with when and what, in UTC to the millisecond."""
    assert record("x", AT, a=1) == {"t": T, "event": "x", "a": 1}
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret("correct-horse-battery"), MASK),
        ({"key": Secret("correct-horse-battery"), "n": 1}, {"key": MASK, "n": 1}),
        ([(Secret("correct-horse-battery"),)], [[MASK]]),
        ("push to rtmp://x/sk_0123456789", f"push to rtmp://x/{MASK}"),
        ({"sk_0123456789": 1}, {MASK: 1}),
        (RuntimeError("rtk_0123456789"), MASK),
        ({1: {2}}, {"1": [2]}),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ("half \ud83d", "half ?"),
        (None, None),
        (True, True),
        (1.5, 1.5),
        (10**400, 10**400),
    ],
)
def test_what_is_written_is_plain_and_without_secrets(value: Any, shown: Any) -> None:
    """Secrets are masked at any depth, and what has no form in JSON or UTF-8 becomes text that has."""
    assert masked(value) == shown


_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.builds(Secret, st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT | st.integers(), inner),
    max_leaves=10,
)


@given(_DATA)
def test_any_data_can_be_written_down(value: Any) -> None:
    """Whatever an action gives back or a viewer writes, a record of it is JSON in UTF-8."""
    line = json.dumps(record("x", AT, value=value), ensure_ascii=False, allow_nan=False)
    assert json.loads(line.encode("utf-8"))["event"] == "x"


@pytest.mark.parametrize("ahead", [0.0, 600.0, -172800.0])
def test_the_moment_of_a_record_is_the_runs(ahead: float) -> None:
    """Its date is the wall clock's, and so is what it says of when something comes due."""
    told = record_to_stored(record("gate_opened", AT, gate="q.1", due=record("x", AT + 60)["t"]), ahead)
    assert told["t"] == record("x", AT - ahead)["t"]
    assert told["due"] == record("x", AT + 60 - ahead)["t"]
    assert record_to_run_time(told) == AT


def test_questions_of_a_suspended_run_are_dated_too() -> None:
    """They stand in a list."""
    told = record_to_stored(record("run_suspended", AT, gates=[{"due": record("x", AT)["t"]}, {"gate": "a"}]), 60.0)
    assert told["gates"] == [{"due": record("x", AT - 60)["t"]}, {"gate": "a"}]


def test_a_secret_that_is_an_ordinary_word_masks_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream key may be any word; states, actions and outcomes are the flow's own and stay readable."""
    monkeypatch.setattr("retake_flow.redact._seen", set())  # as each process begins
    Secret("broadcast")
    made = record("state_entered", 0.0, state="broadcast/pushing", visit=1, reason="the key is broadcast")
    assert (made["state"], made["reason"]) == ("broadcast/pushing", "the key is •••")
