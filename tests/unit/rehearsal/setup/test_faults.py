"""Which call meets which fault."""

import pytest

from retake_flow.errors import UsageError
from retake_flow.rehearsal.setup.faults import Fault, FaultPlan
from retake_flow.rehearsal.setup.option_fields import Fields


def fault(**value):
    """A fault of `POST /agent/rtmp`, read from JSON."""
    return Fault.read(Fields({"call": "POST /agent/rtmp", **value}, "fault"))


def taken(plan, count, call="POST /api/v1/agent/rtmp"):
    """Which of some calls meet a fault."""
    method, path = call.split(" ")
    return [plan.take(method, path) is not None for _ in range(count)]


def test_a_fault_happens_once_by_default():
    """A fault that does not say how often happens on the first matching call and never again."""
    assert taken(FaultPlan([fault(status=503)]), 3) == [True, False, False]


def test_times_and_after_count_matching_calls():
    """`after` lets calls go well first, `times` says how many fail then, and other calls count for neither."""
    plan = FaultPlan([fault(status=503, after=1, times=2)])
    assert taken(plan, 2, "GET /api/v1/agent/stream/status") == [False, False]
    assert taken(plan, 5) == [False, True, True, False, False]


def test_null_times_is_for_ever():
    """A fault with `times: null` is never used up."""
    plan = FaultPlan([fault(drop=True, times=None)])
    assert all(taken(plan, 50))
    assert plan.pending == 1


def test_faults_of_one_call_happen_in_their_order():
    """When a fault is used up the next one for the same call takes its turn."""
    plan = FaultPlan([fault(status=500), fault(status=502)])
    found = [plan.take("POST", "/api/v1/agent/rtmp") for _ in range(3)]
    assert [one and one.status for one in found] == [500, 502, None]


@pytest.mark.parametrize(
    ("pattern", "call", "meets"),
    [
        ("POST /agent/*", "POST /api/v1/agent/stream/start", True),
        ("* /agent/stream/*", "GET /api/v1/agent/stream/status", True),
        ("POST /api/v1/agent/rtmp", "POST /api/v1/agent/rtmp", True),
        ("GET /skill.json", "GET /skill.json", True),
        ("GET /agent/rtmp", "POST /api/v1/agent/rtmp", False),
        ("POST /agent/rtmp", "POST /api/v1/agent/rtmp2", False),
    ],
)
def test_a_call_is_matched_by_method_and_path(pattern, call, meets):
    """A fault names its calls by method and path, with wildcards, with or without the API's base path."""
    assert taken(FaultPlan([fault(call=pattern, drop=True)]), 1, call) == [meets]


def test_cleared_faults_do_not_happen():
    """After clear() everything goes well."""
    plan = FaultPlan([fault(drop=True, times=None)])
    plan.clear()
    assert taken(plan, 2) == [False, False]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "does nothing"),
        ({"effect": True}, "does nothing"),
        ({"drop": True, "status": 500}, "a dropped connection has no status"),
        ({"status": 99}, "a whole number of 200 or more"),
        ({"status": 600}, "an HTTP status"),
        ({"status": 500, "times": 0}, "a whole number of 1 or more"),
        ({"status": 500, "call": "post /agent/rtmp"}, "is no call"),
        ({"status": 500, "call": "/agent/rtmp"}, "is no call"),
        ({"status": 500, "retries": 1}, "no field 'retries'"),
    ],
)
def test_a_senseless_fault_is_refused(value, message):
    """A fault that could never do what its author meant is refused with the reason."""
    with pytest.raises(UsageError) as error:
        fault(**value)
    assert message in error.value.message
