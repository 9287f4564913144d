"""Real-time events, in whatever form they come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.api.realtime import EVENTS, read_event, rooms

AT = 1_800_000_000.0
ENTRY = {
    "chat_event_id": "105",
    "sender_user_id": "u7",
    "sender_username": "ade",
    "sender_display_name": "Ade",
    "sender_wallet_address": "W",
    "text": "hello",
    "timestamp": "1800000000500",
    "type": "message",
}
DOCUMENTED = {
    "_id": "c1",
    "text": "hello",
    "timestamp": "2027-01-15T08:00:00.500Z",
    "author": {"walletAddress": "W", "fusername": "ade", "fid": 1, "favatar": ""},
}

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "_id", "text", "message", "user", "type", "amount", "tip_data", "timestamp", "data", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def read(event, *payload):
    """Read an event."""
    return read_event(event, payload, AT)


@pytest.mark.parametrize("entry", [ENTRY, DOCUMENTED], ids=["observed", "documented"])
@pytest.mark.parametrize("wrapping", [None, "data", "message", "comment"])
def test_a_message_is_read_in_every_shape(entry, wrapping):
    """Bare, or wrapped in an object."""
    found = read("message", entry if wrapping is None else {wrapping: entry, "room": "user_owl"})
    assert found is not None
    assert (found.id, found.kind, found.text) == (entry.get("_id") or "105", "message", "hello")
    assert (found.author_name, found.wallet) == ("ade", "W")
    assert found.sent_at.timestamp() == AT + 0.5


@pytest.mark.parametrize(
    "told",
    [
        {**ENTRY, "type": "tip", "tip_data": {"amount": 5, "message": "for you"}, "amount": 5},
        {"tip_id": "t1", "amount": "5", "message": "hello", "tipper": {"username": "ade", "user_id": "u7"}},
        {"id": 9, "amount": 5.0, "text": "hello", "from_username": "ade", "from_user_id": "u7"},
        {"tip": {"id": "t1", "amount": 5, "note": "hello", "username": "ade", "user_id": "u7"}},
    ],
)
def test_a_tip_is_read_however_it_is_told(told):
    """How much, by whom, with which words."""
    found = read("tip_received", told)
    assert found is not None
    assert (found.kind, found.amount, found.text) == ("tip", 5.0, "hello")
    assert (found.author_name, found.author_user_id) == ("ade", "u7")


@pytest.mark.parametrize(
    "told",
    [
        {"user_id": "u7", "username": "ade", "streamer_id": "s"},
        {"follower": {"id": "u7", "username": "ade"}},
        {"follower_username": "ade", "follower_user_id": "u7"},
        {"data": {"user": {"user_id": "u7", "name": "ade"}}},
    ],
)
def test_a_follow_is_read_however_it_is_told(told):
    """Who it is; when it does not say, it is now."""
    found = read("user_followed", told)
    assert found is not None
    assert (found.kind, found.author_name, found.author_user_id, found.text) == ("follow", "ade", "u7", "")
    assert found.sent_at.timestamp() == AT
    assert not found.is_message


def test_a_trade_bears_its_own_id_too():
    """The chat tells of the same one under another id."""
    trade = {"trade_id": "t1", "side": "sell", "amount": 12.5, "trader_username": "kim", "timestamp": "1800000000000"}
    heard = read("newtrade", trade)
    shown = read("message", {**ENTRY, "type": "trade", "text": "", "trade_data": trade})
    assert heard is not None
    assert shown is not None
    assert (heard.kind, heard.side, heard.amount, heard.author_name) == ("trade", "sell", 12.5, "kim")
    assert set(heard.ids) & set(shown.ids) == {"t1"}


def test_what_has_no_id_gets_one_that_follows_from_it():
    """The same thing told twice is one; another is another."""
    one, same, other = ({"username": "ade", "timestamp": number} for number in (1, 1, 2))
    ids = [read("user_followed", told).id for told in (one, same, other)]
    assert ids[0] == ids[1] != ids[2]


def test_names_and_texts_are_stripped():
    """Of what a terminal would obey, wherever they stand."""
    found = read("tip_received", {"id": 1, "amount": 1, "message": "\x1b[2Jhi\u202e", "username": "\x1b]0;x\x07ade"})
    assert found is not None
    assert (found.text, found.author_name) == ("hi", "ade")


@pytest.mark.parametrize("payload", [(), ("text",), (None,), ([],), (b"bytes",), (5,), ([ENTRY],)])
def test_what_is_no_object_is_passed_over(payload):
    """An event that carries nothing tells nothing."""
    assert read("message", *payload) is None


def test_events_of_no_account_are_passed_over():
    """Such as that a session was started."""
    assert read("session_started", {"session_id": "1"}) is None
    assert read("whatever", ENTRY) is None


@given(st.sampled_from(sorted(EVENTS)), st.dictionaries(st.text(max_size=5) | st.sampled_from(list(ENTRY)), JSON))
def test_nothing_that_is_told_can_harm(event, data):
    """Whatever it carries, it is read as something or passed over; what comes of it is plain text."""
    found = read(event, data)
    if found is not None:
        "".join((*found.ids, found.text, found.author_name, found.author_display_name)).encode()
        assert found.amount is None or found.amount >= 0


def test_deep_nesting_is_passed_over():
    """Nobody brings the program down by brackets."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert read("message", {"id": 1, "text": deep}) is None


def test_the_rooms_are_those_of_the_agent():
    """Those of trades only where there is a token."""
    assert rooms("u1", "") == ["u1", "live_u1"]
    assert rooms("u1", "T") == ["u1", "live_u1", "trades_T"]
