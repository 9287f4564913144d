"""Counting what language models use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retake_flow.errors import ResponderFailed
from retake_flow.responders.token_budget import Ledger, Limits, Use


class Clock:
    """A time that the test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_run_may_use_so_many_tokens() -> None:
    """What would pass the limit is told beforehand; what just fits is not."""
    ledger, limits = Ledger(), Limits(tokens=100)
    ledger.book(limits, Use(50, 30))
    assert ledger.exceeded_limit(limits, Use(10, 10)) == ("", "")
    assert ledger.exceeded_limit(limits, Use(11, 10)) == ("tokens", "80 of 100 tokens in this run are used")


def test_a_run_may_cost_so_much() -> None:
    """Questions and answers have prices of their own, for a million tokens each."""
    ledger, limits = Ledger(), Limits.of({"cost": 2.0, "price": {"input": 1.0, "output": 10.0}})
    ledger.book(limits, Use(500_000, 100_000))
    assert ledger.exceeded_limit(limits, Use(0, 50_000)) == ("", "")
    assert ledger.exceeded_limit(limits, Use(1, 50_000)) == ("cost", "1.50 of 2.00 in this run are spent")


def test_an_hour_passes() -> None:
    """Of an hourly limit counts what was used within the last 3600 seconds."""
    clock, limits = Clock(), Limits(tokens_per_hour=100)
    ledger = Ledger(now=clock)
    ledger.book(limits, Use(60, 0))
    clock.now += 1_800
    ledger.book(limits, Use(40, 0))
    assert ledger.exceeded_limit(limits, Use(1, 0)) == ("tokens_per_hour", "100 of 100 tokens in an hour are used")
    clock.now += 1_801
    assert ledger.exceeded_limit(limits, Use(60, 0)) == ("", "")
    assert ledger.exceeded_limit(limits, Use(61, 0))[0] == "tokens_per_hour"


def test_what_was_used_takes_the_place_of_what_was_expected() -> None:
    """Also when somebody else has booked meanwhile."""
    ledger, limits = Ledger(), Limits(tokens=1_000, tokens_per_hour=1_000, cost=1.0, input=1.0, output=1.0)
    first, second = ledger.book(limits, Use(400, 400)), ledger.book(limits, Use(100, 0))
    ledger.settle(first, limits, Use(10, 5))
    ledger.settle(second, limits, Use(0, 0))
    assert ledger.exceeded_limit(limits, Use(985, 0)) == ("", "")
    assert ledger.exceeded_limit(limits, Use(986, 0)) == ("tokens", "15 of 1000 tokens in this run are used")
    assert ledger.exceeded_limit(Limits(tokens_per_hour=1_000), Use(986, 0))[1].startswith("15 of 1000")


def test_a_limit_is_told_once_in_a_run_and_an_hourly_one_once_an_hour() -> None:
    """Nobody is told of the same for every message in chat."""
    clock = Clock()
    ledger = Ledger(now=clock)
    assert [ledger.should_report(limit) for limit in ("tokens", "tokens", "tokens_per_hour", "tokens_per_hour")] == [
        True, False, True, False
    ]  # fmt: skip
    clock.now += 3_600
    assert [ledger.should_report("tokens"), ledger.should_report("tokens_per_hour")] == [False, True]


def test_a_restart_does_not_begin_to_count_anew(tmp_path: Path) -> None:
    """Another process finds the account where the first one left it, also what it expected when it died."""
    path, clock, limits = tmp_path / "tokens" / "run.json", Clock(), Limits(tokens=100, tokens_per_hour=90)
    first = Ledger(path, clock)
    first.settle(first.book(limits, Use(100, 0)), limits, Use(30, 0))
    first.book(limits, Use(50, 0))
    first.should_report("tokens")
    second = Ledger(path, clock)
    assert second.exceeded_limit(limits, Use(21, 0)) == ("tokens", "80 of 100 tokens in this run are used")
    assert second.exceeded_limit(limits, Use(11, 0))[0] == "tokens_per_hour"
    assert not second.should_report("tokens")
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_account_does_not_grow_without_end(tmp_path: Path) -> None:
    """Uses are kept one by one for an hour."""
    path, clock, limits = tmp_path / "run.json", Clock(), Limits(tokens=10**9)
    ledger = Ledger(path, clock)
    for _ in range(300):
        clock.now += 60
        ledger.book(limits, Use(1, 1))
    kept = json.loads(path.read_text())
    assert (kept["tokens"], len(kept["lately"])) == (600, 60)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"tokens": 1}',
        '{"tokens": "x", "cost": 0, "lately": [], "told": {}}',
        '{"tokens": 1, "cost": 0, "lately": [3], "told": []}',
    ],
)
def test_an_account_that_cannot_be_read_lets_nothing_be_used(tmp_path: Path, content: str) -> None:
    """Nobody asks without knowing what was used; the message says what to do."""
    path = tmp_path / "run.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ResponderFailed, match="cannot be read") as raised:
        Ledger(path).exceeded_limit(Limits(tokens=1), Use(1, 0))
    assert "delete it" in raised.value.hint


def test_an_account_that_cannot_be_written_lets_nothing_be_used(tmp_path: Path) -> None:
    """A folder that is no folder is an error of ours with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ResponderFailed, match=r"run\.json, the account of tokens, cannot be"):
        Ledger(tmp_path / "file" / "run.json").book(Limits(tokens=1), Use(1, 0))
