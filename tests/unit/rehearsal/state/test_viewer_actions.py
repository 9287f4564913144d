"""What people do in a stream, where it stands, and who hears of it."""

import pytest

from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.chat_log import as_answer


@pytest.fixture
def heard(platform, owl):
    """What is said in the rooms of Night Owl, as (room, event, data)."""
    owl.token_address = "TOKEN"
    said = []
    for room in ("user_owl", "live_user_owl", "trades", "trades_TOKEN"):
        platform.rooms.subscribe(room, lambda event, data, room=room: said.append((room, event, data)))
    return said


def names(heard):
    """Where what was said, without what it carries."""
    return [(room, event) for room, event, _ in heard]


def listed(platform):
    """The newest page of the chat as the platform sends it."""
    return as_answer(platform.comments("user_owl", 100, None), platform.options.chat_shape)


def test_a_message_is_said_as_it_stands_in_the_chat(platform, owl, heard):
    """Whoever listens to a chat hears each entry, the agent's own too, as the list of comments has it."""
    platform.start(owl)
    heard.clear()
    platform.viewers.perform(owl, Cue(0, "mira", text="hello"))
    platform.say(owl, owl.user_id, "welcome")
    assert names(heard) == [("user_owl", "message")] * 2
    assert [data for *_, data in heard] == listed(platform)[::-1]


def test_a_tip_is_an_entry_and_an_event(platform, owl, heard):
    """A tip stands in the chat with its amount, and is told in the chat's room and in the live room."""
    platform.start(owl)
    heard.clear()
    platform.viewers.perform(owl, Cue(0, "mira", "tip", "for you", 5.0))
    assert names(heard) == [("user_owl", "message"), ("live_user_owl", "tip_received")]
    (entry,) = listed(platform)
    assert (entry["type"], entry["tip_data"]) == ("tip", {"amount": 5.0, "message": "for you"})
    assert (heard[1][2]["amount"], heard[1][2]["chat_event_id"]) == (5.0, entry["chat_event_id"])


def test_a_trade_is_an_entry_and_is_told_in_three_rooms(platform, owl, heard):
    """A trade of the agent's token stands in the chat with `trade_data`, and every room of trades hears of it."""
    platform.start(owl)
    heard.clear()
    platform.viewers.perform(owl, Cue(0, "mira", "trade", amount=3.0, side="sell"))
    told = [("live_user_owl", "newtrade"), ("trades", "newtrade"), ("trades_TOKEN", "newtrade")]
    assert names(heard) == [("user_owl", "message"), *told]
    (entry,) = listed(platform)
    assert entry["type"] == "trade"
    assert entry["trade_data"] == heard[1][2] == heard[3][2]
    assert (entry["trade_data"]["side"], entry["trade_data"]["token_address"]) == ("sell", "TOKEN")


def test_a_trade_of_another_token_is_no_matter_of_the_stream(platform, owl, heard):
    """It is told in the room of all trades and stands in no chat."""
    platform.start(owl)
    heard.clear()
    platform.viewers.perform(owl, Cue(0, "mira", "trade", amount=3.0, token="OTHER"))
    assert names(heard) == [("trades", "newtrade")]
    assert listed(platform) == []


def test_a_follower_and_a_session_are_told_and_stand_in_no_chat(platform, owl, heard):
    """Follows and the start of a session are events of the live room alone."""
    platform.start(owl)
    platform.viewers.perform(owl, Cue(0, "mira", "follow"))
    assert names(heard) == [("live_user_owl", "session_started"), ("live_user_owl", "user_followed")]
    assert heard[1][2]["username"] == "mira"
    assert owl.followers == {"mira"}
    assert listed(platform) == []


def test_nobody_hears_after_unsubscribing(platform, owl):
    """What subscribe returns ends it, once and for all, and for nobody else."""
    first, second = [], []
    leave = platform.rooms.subscribe("user_owl", lambda *said: first.append(said))
    platform.rooms.subscribe("user_owl", lambda *said: second.append(said))
    leave()
    leave()
    platform.viewers.perform(owl, Cue(0, "mira", text="hello"))
    assert (len(first), len(second)) == (0, 1)
