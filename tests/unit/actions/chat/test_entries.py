"""What happens in chat as events, records and lines."""

from __future__ import annotations

import pytest

from retake_flow.actions.chat import entries
from retake_flow.actions.registry import CATALOGUE
from retake_flow.api.chat import read_message
from retake_flow.flow.schema.quick_validate import fits


def entry(kind="message", text="hi", name="mira", **more):
    """An entry of a chat."""
    found = read_message({"chat_event_id": "1", "type": kind, "text": text, "sender_username": name, **more})
    assert found is not None
    return found


TIP = entry("tip", "keep going", tip_data={"amount": "5.5", "currency": "USDC"})
TRADE = entry("trade", "", trade_data={"amount": 12, "side": "SELL"})
FOLLOW = entry("follow", "")


def test_tips_trades_and_follows_are_events():
    """With what a flow can decide by."""
    assert list(entries.events(TIP, False)) == [
        ("tip", {"amount": 5.5, "author": "mira", "text": "keep going", "currency": "USDC"})
    ]
    assert list(entries.events(TRADE, False)) == [("trade", {"amount": 12.0, "side": "sell", "author": "mira"})]
    assert list(entries.events(FOLLOW, False)) == [("follow", {"author": "mira"})]
    assert list(entries.events(entry(), False)) == []


@pytest.mark.parametrize("date", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.9996Z", "2286-11-20T17:46:40Z"])
def test_a_message_of_a_far_future_has_no_date(date):
    """It reaches a responder all the same."""
    message = entries.as_message(entry(timestamp=date), False)
    assert (message.text, message.at) == ("hi", None)


def test_the_first_words_of_somebody_are_one_too():
    """A follower has said nothing."""
    assert list(entries.events(entry(), True)) == [("first_message", {"author": "mira"})]
    assert list(entries.events(FOLLOW, True)) == [("follow", {"author": "mira"})]


@pytest.mark.parametrize("message", [TIP, TRADE, FOLLOW, entry()], ids=["tip", "trade", "follow", "message"])
def test_events_are_as_they_are_declared(message):
    """Every field, and of its type."""
    declared = CATALOGUE["chat.respond"].events
    for name, data in entries.events(message, True):
        assert set(data) == set(declared[name])
        assert all(fits(declared[name][field], value) for field, value in data.items())


@pytest.mark.parametrize("amount", ["much", None, {}, "-5", "1e999", True])
def test_what_is_no_amount_is_nothing_and_told(amount):
    """A guard gets a number in any case."""
    tip = entry("tip", tip_data={"amount": amount})
    assert next(entries.events(tip, False))[1]["amount"] == 0.0
    assert [name for name, _ in entries.records(tip)] == ["chat_message", "chat_unreadable"]


def test_each_is_written_down_with_its_id():
    """What was said, and what was done."""
    assert list(entries.records(entry())) == [
        ("chat_message", {"id": "1", "author": "mira", "kind": "message", "text": "hi"})
    ]
    assert list(entries.records(TRADE)) == [
        ("chat_deed", {"id": "1", "author": "mira", "kind": "trade", "amount": 12.0, "side": "sell"})
    ]


def test_a_whole_amount_is_one():
    """For events, records and lines alike; in what it is counted is written down where that is told."""
    tip = entry("tip", "go", tip_data={"amount": 150.0, "currency": "USDC"})
    [(_, event)], [(_, record)] = entries.events(tip, False), entries.records(tip)
    assert (f"{event['amount']}", f"{record['amount']}", record["currency"]) == ("150", "150", "USDC")
    assert entries.line(tip) == "* mira tips 150 USDC: go"
    assert entries.line(entry("tip", "", tip_data={"amount": 1234567.5})) == "* mira tips 1234567.5"


def test_what_is_written_down_commands_no_terminal():
    """Neither an id, by which the chat is paged as it is, nor an amount that nobody can read."""
    foul = "\x1b[2J\u202e\u009b31m7"
    tip = entry("tip", "hi", tip_data={"amount": f"{foul} much"}, chat_event_id=foul)
    message, unreadable = (fields for _, fields in entries.records(tip))
    assert tip.id == foul
    assert message["id"] == unreadable["id"] == "7"
    assert unreadable["told"] == "7 much"
    assert len(entries.plain_id("9" * 10_000)) == entries.LONGEST_ID


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (entry(text="one\nAGENT: two"), "mira: one AGENT: two"),
        (TIP, "* mira tips 5.5 USDC: keep going"),
        (TRADE, "* mira sells 12"),
        (FOLLOW, "* mira follows"),
        (entry(name="a\nb" + "x" * 100), "a b" + "x" * 37 + ": hi"),
        (entry(name=""), "friend: hi"),
    ],
)
def test_each_shows_on_one_line(message, line):
    """Nobody's words can look like somebody else's."""
    assert entries.line(message) == line


def test_moderation_counts_for_nothing():
    """Neither is it said, nor done by a viewer."""
    assert entry("delete_all", "").is_moderation
    assert not FOLLOW.is_moderation
    assert not FOLLOW.is_message
