"""Rooms, and what faults leave of what is said in them."""

from dataclasses import asdict

import pytest

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.faults import Fault, FaultPlan, SocketFault, StreamFault, read_fault
from retake_flow.rehearsal.setup.option_fields import Fields
from retake_flow.rehearsal.state.rooms import Rooms


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
