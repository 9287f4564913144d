"""Texts, counts and amounts, however they are written."""

from __future__ import annotations

import pytest

from retake_flow.api.lenient_json import count, read_amount, read_currency, text


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (5, 5.0), (5.25, 5.25), ("5.25", 5.25), (" 7 ", 7.0), ("$5", 5.0), ("5 USDC", 5.0), ("1,000.50", 1000.5),
        (0, 0.0),
        ("12,5", None), ("much", None), ("", None), ("-5", None), (-5, None), (True, None), ({}, None), ([], None),
        ("1e999", None), (float("inf"), None), (float("nan"), None), (10**400, None), ("5; DROP", None), ("٥", 5.0),
    ],
)  # fmt: skip
def test_an_amount_is_a_number_that_is_not_negative(value, amount):
    """Or nothing."""
    assert read_amount({"amount": value}) == amount


@pytest.mark.parametrize(
    ("value", "written"),
    [(150.0, "150"), ("150.00", "150"), ("1,000", "1000"), (1e15, "1000000000000000"), (5.5, "5.5")],
)
def test_a_whole_amount_is_written_as_such(value, written):
    """A flow fills it into a notice."""
    assert f"{read_amount({'amount': value})}" == written


def test_it_may_have_another_name():
    """The first that is told counts, whether it can be read or not."""
    assert read_amount({"value": "3"}) == 3.0
    assert read_amount({"amount": "?", "value": "3"}) is None
    assert read_amount({"amount": None, "value": "3"}) == 3.0
    assert read_amount({}) is None


def test_a_currency_is_a_short_word():
    """Without what a terminal would obey."""
    assert read_currency({"symbol": "\x1b[1mUSDC\x1b[0m"}) == "USDC"
    assert read_currency({"currency": "x" * 100}) == "x" * 20
    assert read_currency({}) == ""


def test_a_text_cannot_command_a_terminal():
    """Nor reverse what stands after it; line breaks stay."""
    assert text({"message": "\x1b[2JCode:\n7\u202e"}, "message") == "Code:\n7"


@pytest.mark.parametrize(("value", "number"), [(3, 3), ("12", 12), (61.9, 61), (-1, 0), (None, 0), (1e300, 0), ([], 0)])
def test_a_count_is_a_number_that_people_can_read(value, number):
    """The first that is above 0 counts."""
    assert count({"viewers": value}, "viewers") == number
    assert count({"viewers": value, "viewer_count": 7}, "viewers", "viewer_count") == (number or 7)
