"""What people do in a stream, where it stands, and who hears of it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.faults import Fault, FaultPlan, SocketFault, StreamFault, read_fault
from retake_flow.rehearsal.setup.option_fields import Fields
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.chat_log import as_answer
from retake_flow.rehearsal.state.viewer_actions import Rooms


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


def said(*faults, events=("message",) * 5):
    """What is heard of some events, each told by its place; and how often connections broke."""
    rooms = Rooms(FaultPlan(faults), lambda: True)
    heard, broken = [], []
    rooms.on_drop.append(lambda: broken.append(len(heard)))
    rooms.subscribe("room", lambda event, data: heard.append(data["n"]))
    for number, event in enumerate(events):
        rooms.say("room", event, {"n": number})
    return heard, broken


def test_events_are_lost_doubled_and_break_connections_as_told():
    """Each fault counts the events that it is about, and leaves the others as they are."""
    assert said() == ([0, 1, 2, 3, 4], [])
    assert said(SocketFault("lose", after=1, times=2)) == ([0, 3, 4], [])
    assert said(SocketFault("double", after=4)) == ([0, 1, 2, 3, 4, 4], [])
    assert said(SocketFault("drop", after=2)) == ([0, 1, 3, 4], [2])


def test_a_fault_can_be_about_one_kind_of_event():
    """Events of other names neither meet it nor count for it."""
    events = ("message", "tip_received", "message", "tip_received")
    assert said(SocketFault("lose", event="tip_*", after=1), events=events) == ([0, 1, 2], [])


def test_what_nobody_hears_counts_for_nothing():
    """A fault waits until somebody listens."""
    plan = FaultPlan([SocketFault("lose")])
    Rooms(plan, lambda: True).say("room", "message", {})
    assert plan.pending == 1


def test_connections_and_events_are_told_apart():
    """A refusal is used up by a connection only, and calls over HTTP meet neither."""
    plan = FaultPlan([SocketFault("refuse", after=1), Fault("GET /socket.io/", status=500)])
    assert [plan.take_connection() for _ in range(3)] == [False, True, False]
    assert plan.take_event("message") is None
    assert plan.take("GET", "/socket.io/").status == 500


@pytest.mark.parametrize(
    "fault",
    [
        SocketFault("lose", "message", None, 3),
        StreamFault("offline", 5.0, 20.0),
        StreamFault("stall"),
        Fault("POST /agent/rtmp", status=503),
    ],
)
def test_every_sort_of_fault_is_read_from_one_list(fault):
    """What a fault has decides its sort: `stream`, `socket` or `call`; and what remains of it can be read again."""
    assert read_fault(Fields(asdict(fault), "faults[0]")) == fault
    assert FaultPlan([fault]).remaining == (fault,)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"socket": "burn"}, "faults[0].socket: expected one of refuse, drop, lose, double"),
        ({"socket": "lose", "at": 3}, "there is no field 'at'"),
        ({"stream": "melt"}, "faults[0].stream: expected one of frozen_status, offline, rotate_key, close_push, stall"),
        ({"stream": "stall", "lasts": -1}, "faults[0].lasts: expected a number of 0 or more"),
    ],
)
def test_a_fault_that_cannot_be_meant_is_refused(value, message):
    """A mistake is told with its place and what would do."""
    with pytest.raises(UsageError) as error:
        read_fault(Fields(value, "faults[0]"))
    assert message in error.value.message
