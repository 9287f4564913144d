from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retake_flow.api import chat
from retake_flow.api.chat import ChatMessage, Page, is_own, read_message
from retake_flow.errors import UnexpectedAnswer

DOCUMENTED = {
    "_id": "comment_123",
    "streamId": "user_abc",
    "text": "Great stream!",
    "timestamp": "2025-02-01T14:20:00Z",
    "author": {"walletAddress": "W1", "fusername": "viewer1", "fid": 12345, "favatar": "https://example.com/a"},
}
OBSERVED = {
    "chat_event_id": "105",
    "sender_user_id": "user_v",
    "sender_username": "vera",
    "sender_display_name": "Vera V.",
    "sender_pfp": None,
    "sender_wallet_address": "W2",
    "session_id": "s1",
    "streamer_id": "user_abc",
    "text": "hi owl",
    "timestamp": "1738419600000",
    "type": "message",
}


def read_comments(answer: object) -> Page:
    """A page of chat as it is given to the caller."""
    return asyncio.run(chat.read_comments(answer))


def observed(**changes: Any) -> dict[str, Any]:
    """The comment that live clients saw, with something changed."""
    return OBSERVED | changes


def ids(answer: object) -> list[str]:
    """The ids of a page as it is given to the caller."""
    return [message.id for message in read_comments(answer)]


def test_documented_shape() -> None:
    """The guide's comment is read with its nested author."""
    (message,) = read_comments({"comments": [DOCUMENTED]})
    assert (message.id, message.kind, message.text) == ("comment_123", "message", "Great stream!")
    assert (message.author_name, message.author_user_id, message.wallet) == ("viewer1", None, "W1")
    assert message.sent_at == datetime(2025, 2, 1, 14, 20, tzinfo=UTC)


def test_observed_shape() -> None:
    """The flat comment that live clients saw is read, bare list and epoch milliseconds as text included."""
    (message,) = read_comments([observed(type="tip", tip_data={"amount": 5})])
    assert (message.id, message.kind, message.text) == ("105", "tip", "hi owl")
    assert (message.author_name, message.author_display_name) == ("vera", "Vera V.")
    assert (message.author_user_id, message.wallet) == ("user_v", "W2")
    assert message.sent_at == datetime(2025, 2, 1, 14, 20, tzinfo=UTC)
    assert (message.tip, message.trade) == ({"amount": 5}, None)


def test_newest_first_is_turned_around() -> None:
    """A page that comes newest first is given oldest first, though its ids would sort otherwise as text."""
    page = [observed(chat_event_id=key, timestamp=str(1738419600000 + at)) for key, at in (("100", 2), ("99", 1))]
    assert ids(page) == ["99", "100"]


def test_oldest_first_is_kept() -> None:
    """A page that comes oldest first stays so."""
    page = [DOCUMENTED | {"_id": key, "timestamp": f"2025-02-01T14:20:0{key}Z"} for key in "123"]
    assert ids({"comments": page}) == ["1", "2", "3"]


def test_messages_of_one_moment_keep_the_servers_order() -> None:
    """Messages of the same moment are not sorted among themselves, and ids never decide."""
    page = [observed(chat_event_id=key, timestamp=stamp) for key, stamp in (("b", "20"), ("c", "10"), ("a", "10"))]
    assert ids(page) == ["a", "c", "b"]


def test_a_pinned_old_message_turns_nothing_around() -> None:
    """One message out of place does not reverse the rest."""
    page = [observed(chat_event_id=key, timestamp=f"{at}") for key, at in (("pin", 1), ("d", 40), ("c", 30), ("b", 20))]
    assert ids(page) == ["b", "c", "d", "pin"]


def test_without_times_newest_first_is_assumed() -> None:
    """A page without readable times is read as it was observed: newest first."""
    assert ids([observed(chat_event_id=key, timestamp="soon") for key in "cba"]) == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["jail", "unjail", "delete", "delete_all", "DELETE-ALL", "deleteAll"])
def test_moderation_is_not_a_message(kind: str) -> None:
    """An act of moderation stays in the list as a cursor, and nobody takes it for something said."""
    (message,) = read_comments([observed(type=kind)])
    assert not message.is_message


def test_what_people_send_is_a_message() -> None:
    """Messages, tips and kinds that nobody documented are something said."""
    kinds = ("message", "tip", None, "wave")
    assert all(message.is_message for message in read_comments([observed(type=kind) for kind in kinds]))


def test_own_messages_are_known_by_id() -> None:
    """With ids the id alone decides, so a viewer who takes the agent's name is still answered."""
    (message,) = read_comments([observed(sender_user_id="user_o", sender_username="Owl")])
    assert is_own(message, "user_o", "Owl")
    assert not is_own(message, "user_else", "Owl")


def test_own_messages_are_known_by_name_where_there_is_no_id() -> None:
    """In the documented shape, and while the own id is unknown, the name decides in any case."""
    (documented,) = read_comments({"comments": [DOCUMENTED | {"author": {"fusername": "NightOwl"}}]})
    assert is_own(documented, "user_o", "nightowl")
    assert not is_own(documented, "user_o", "")
    (flat,) = read_comments([observed(sender_username="NightOwl")])
    assert is_own(flat, "", "NightOwl")


def test_nobody_is_not_the_agent() -> None:
    """A message without any author is not taken for the agent's own."""
    (message,) = read_comments([{"_id": "1", "text": "x", "author": None}])
    assert not is_own(message, "user_o", "")


@pytest.mark.parametrize("answer", [[], {"comments": []}, {"comments": None}])
def test_an_empty_chat_is_empty(answer: object) -> None:
    """An empty chat is no error."""
    assert read_comments(answer) == []


@pytest.mark.parametrize("answer", [None, {}, "no", {"comments": 5}, {"error": "x"}, [5], [{"text": "no id"}]])
def test_what_is_no_chat_is_unexpected(answer: object) -> None:
    """What holds no comments that could be read is never passed off as an empty chat."""
    with pytest.raises(UnexpectedAnswer):
        read_comments(answer)


def test_one_broken_entry_hides_no_other() -> None:
    """An entry without an id is left out and the others are read."""
    assert ids([observed(), None, {"text": "no id"}]) == ["105"]


def test_text_cannot_command_a_terminal() -> None:
    """Escape sequences of a viewer are gone as a whole, line breaks stay."""
    (message,) = read_comments([observed(text="a\x1b]0;owned\x07\nb\x9b31m")])
    assert message.text == "a\nb"


fields = st.sampled_from([*OBSERVED, *DOCUMENTED, "id", "tip_data", "trade_data"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields | st.text(), inner, max_size=5),
    max_leaves=10,
)


def test_a_kind_is_one_plain_word_of_bounded_length() -> None:
    """It is told to people and programs, like all that the platform says of a message."""
    assert kind_of(" Tip ") == "tip"
    assert kind_of("\x1b[31mred\u202e\u009b2Jalert\nx") == "redalert x"
    assert kind_of("\x1b[2J") == "message"
    assert len(kind_of("k" * 10_000)) == 40


def kind_of(said: str) -> str:
    """What is made of a type."""
    (message,) = read_comments([observed(type=said)])
    return message.kind


@given(st.lists(st.dictionaries(fields, anything), max_size=5))
def test_reading_a_page_loses_and_repeats_nothing(page: list[dict[str, Any]]) -> None:
    """Whatever the entries hold, those with an id come out once each, in the server's order or the reverse."""
    expected = [message.id for entry in page if (message := read_message(entry))]
    try:
        found = ids(page)
    except UnexpectedAnswer:
        assert page
        assert not expected
    else:
        assert found in (expected, expected[::-1])


LONG = "x" * 65_536
#: What may stand where something else is documented, as JSON.
ODD: list[Any] = [
    None, True, float("inf"), 10**4000, -1, 1e308, "", " ", "\x00", "\ud83d", "\x1b]52;c;x\x07", LONG, "💀" * 65_536,
    [], [LONG], {}, {"$date": LONG}, {LONG: LONG}, [[[[]]]],
]  # fmt: skip
FIELDS = [*DOCUMENTED, *OBSERVED, "_id", "id", "author", "tip_data", "trade_data", "createdAt"]
INNER = ["walletAddress", "fusername", "amount", "currency", "symbol", "side", "signature", "trade_id", "$date"]


def size(message: ChatMessage) -> int:
    """How many characters a message is as a text."""
    return len(repr(message))


@pytest.mark.parametrize("shape", [DOCUMENTED, OBSERVED])
def test_whatever_a_field_holds_a_message_is_bounded(shape: dict[str, Any]) -> None:
    """Any value in any field: the entry is read or passed over, the others of its page are read, and none is long."""
    odd = [*ODD, *({inner: value} for inner in INNER for value in ODD)]

    async def pages() -> list[Page]:
        good = observed(chat_event_id="good", timestamp="1")
        return [
            await chat.read_comments([{**shape, field: value}, good])
            for field in dict.fromkeys(FIELDS)
            for value in odd
        ]

    for page in asyncio.run(pages()):
        assert "good" in [message.id for message in page]
        assert len(page) + page.unreadable == 2
        for message in page:
            assert size(message) < 40_000
            assert message.amount is None or message.amount <= 1e15
            assert len(message.currency) <= 20


@pytest.mark.parametrize("key", [LONG, "x" * 257, 10**300, None, True, 1.5, [], {}, ""])
def test_an_entry_whose_id_is_none_is_passed_over(key: object) -> None:
    """An id that is too long for one, or no text: the entry is counted, and the others are read."""
    page = read_comments([observed(chat_event_id="2"), observed(chat_event_id=key), observed(chat_event_id="1")])
    assert ([message.id for message in page], page.unreadable) == (["1", "2"], 1)
    alone = read_comments([observed(chat_event_id=key)])
    assert (list(alone), alone.unreadable) == ([], 1)


def test_a_second_name_of_an_id_counts_where_the_first_is_none() -> None:
    """What is no id under one name may be one under another."""
    page = read_comments([observed(_id=LONG, chat_event_id="7")])
    assert [message.id for message in page] == ["7"]


def test_of_an_endless_page_the_newest_is_read() -> None:
    """A page far longer than was asked for is read as far as it can be remembered, the newest of it."""
    page = read_comments([observed(chat_event_id=str(n), timestamp=str(n)) for n in range(3_000, 0, -1)])
    assert [page[0].id, page[-1].id] == ["501", "3000"]
    assert page.unreadable == 0


def test_a_payment_keeps_what_is_of_account() -> None:
    """Of a tip's data what tells how much it was; not what else somebody has put there."""
    (message,) = read_comments([observed(type="tip", tip_data={"amount": "5", "x": LONG, "symbol": LONG, "unit": []})])
    assert (message.amount, message.tip) == (5, {"amount": "5", "symbol": "x" * 100})
