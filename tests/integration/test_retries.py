"""How often a call is made: what `plan` says, what the journal says and what the platform sees is one number."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.action_spec import Idempotency
from retake_flow.flow.load.load import load_flow
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.rehearsal.setup.options import Options
from retake_flow.testing.runs.rehearsed import AGENT, Rehearsal, Rehearsed
from retake_flow.whatif.plan.plan import Kind
from retake_flow.whatif.plan.planner import plan

NEW = {
    "agent_name": "Day Owl",
    "agent_description": "watches",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}
#: Actions that make one call each, with the inputs they need.
INPUTS: dict[str, dict[str, Any]] = {
    "chat.send": {"message": "hello"},
    "public.active_sessions": {},
    "public.chat": {"streamer": "user_owl"},
    "public.live_users": {},
    "retake.check_guide": {},
    "retake.comments": {},
    "retake.prepare_verify": {},
    "retake.register": NEW,
    "retake.start_stream": {},
    "retake.stop_stream": {},
    "retake.stream_key": {},
    "retake.stream_status": {},
    "retake.verification_status": {},
    "retake.verify": {"tweet_url": "https://x.com/owl/status/1234"},
}
#: What lasts, and what it is called in a plan.
FAULTS: dict[str, dict[str, Any]] = {
    "unavailable": {"status": 503},
    "rate_limited": {"status": 429},
    "intercepted": {"page": "challenge"},
    "redirected": {"page": "login"},
    "unreachable": {"drop": True},
    "unauthorized": {"status": 401},
    "rejected": {"status": 400},
}
PASSING = {"unavailable", "rate_limited", "intercepted", "redirected", "unreachable"}
#: After these nobody knows whether a call was carried out.
DOUBTFUL = {"unavailable", "redirected", "unreachable"}


def flow_of(action: str, retry: int | None) -> str:
    """A flow that performs an action, tried again so often; None is as the action declares."""
    given = "" if retry is None else f", retry: {{max: {retry}, interval: 2s, rate: 1}}"
    inputs = ", ".join(f'{name}: "{value}"' for name, value in INPUTS[action].items())
    return (
        "flow: one\ninitial: own\nstates:\n"
        "  own: {do: credentials.load, transitions: {found: it, missing: it, error: bad}}\n"
        f"  it: {{do: {action}, with: {{{inputs}}}{given}, transitions: {{{outcomes(action)}, error: bad}}}}\n"
        "  good: {final: completed}\n  bad: {final: failed}\n"
    )


def outcomes(action: str) -> str:
    """Routes for all that an action ends well with."""
    return ", ".join(f"{outcome}: good" for outcome in CATALOGUE[action].outcomes)


def rehearsed(text: str, call: str, fault: dict[str, Any], times: int | None) -> Rehearsed:
    """The flow played against a platform on which a call meets a fault."""
    with TemporaryDirectory() as folder:
        rehearsal = Rehearsal(load_flow(text, "one.yaml"), Path(folder))
        faults = (Fault(call, times=times, **fault),)
        verified = "retake.verify," not in text  # else the action finds out that there is nothing to do
        rehearsal.options = Options(agents=(AGENT,), viewers=(), seed=1, faults=faults, verified=verified)
        rehearsal.give_credentials()
        return rehearsal.play()


def on_the_wire(played: Rehearsed, call: str) -> int:
    """How often the platform saw a call."""
    return sum(f"{seen.method} {seen.path.removeprefix('/api/v1')}" == call for seen in played.platform.calls.calls)


def planned(text: str, kind: str) -> int:
    """How often a plan makes the call when it is assumed to fail so."""
    made = plan(load_flow(text, "one.yaml"), CATALOGUE, {}, [f"it=error.{kind}"])
    told = sum(step.kind is Kind.REQUEST and step.state == "it" for step in made.steps)
    folded = [step.facts["times"] for step in made.steps if step.kind is Kind.REPEATED]
    return told + sum(folded)


@settings(max_examples=50)
@given(st.sampled_from(sorted(INPUTS)), st.sampled_from(sorted(FAULTS)), st.none() | st.integers(0, 5))
def test_plan_journal_and_wire_agree(action: str, kind: str, retry: int | None) -> None:
    """One place decides how often a call is made; nothing below it makes one more."""
    spec, text = CATALOGUE[action], flow_of(action, retry)
    call = spec.requests[0].partition("[")[0]
    assume(kind in spec.errors)
    played = rehearsed(text, call, FAULTS[kind], None)
    default = spec.retry.max if spec.retry else 0
    once = action == "retake.register" or spec.idempotency is Idempotency.ONCE
    looked_up = action == "retake.register" and kind == "redirected"  # nobody bears the name, so it was not carried out
    again = kind in PASSING and not (once and kind in DOUBTFUL and not looked_up)
    wanted = 1 + (default if retry is None else retry) * again
    assert on_the_wire(played, call) == wanted
    assert len(played.records("action_started", state="it")) == wanted
    assert len(played.records("retry_scheduled", state="it")) == wanted - 1
    if action != "retake.register":  # whether a registration is in doubt is looked up, which no plan can
        assert planned(text, kind) == wanted
    assert played.run.outcome == "failed"


@pytest.mark.parametrize("action", sorted(INPUTS))
def test_what_passes_at_the_second_try_is_done_once(action: str) -> None:
    """A challenge that is met once costs one more call, also where nothing may happen twice."""
    if action == "retake.verify":
        pytest.skip("without a prepared message there is nothing that could end well")
    call = CATALOGUE[action].requests[0].partition("[")[0]
    played = rehearsed(flow_of(action, None), call, {"page": "challenge"}, 1)
    assert on_the_wire(played, call) == 2
    assert played.run.outcome == "completed"


def test_a_retry_of_two_against_a_lasting_failure_is_three_calls() -> None:
    """Not nine."""
    played = rehearsed(flow_of("retake.stream_key", 2), "POST /agent/rtmp", {"status": 503}, None)
    assert on_the_wire(played, "POST /agent/rtmp") == 3


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("120", 120.0), ("86400", 300.0)])
def test_what_the_platform_asks_to_wait_is_waited_within_bounds(asked: str, waited: float) -> None:
    """A header that asks for a day does not keep a stream off the air for one."""
    fault = {"status": 429, "headers": {"Retry-After": asked}}
    played = rehearsed(flow_of("retake.stream_key", None), "POST /agent/rtmp", fault, 1)
    first, second = [seen.at for seen in played.platform.calls.calls if seen.path.endswith("/rtmp")]
    assert second - first == pytest.approx(waited, abs=0.1)
    assert played.run.outcome == "completed"


UNDOING = """
flow: undoing
initial: own
states:
  own: {do: credentials.load, transitions: {found: on, missing: over, error: over}}
  on:
    initial: start
    transitions: {error: over}
    states:
      start: {do: retake.start_stream, undo: retake.stop_stream, transitions: {done: rest}}
      rest: {wait: 1s, transitions: {done: over}}
  over: {final: completed}
"""


@pytest.mark.parametrize(("fault", "calls"), [({"page": "portal"}, 3), ({"status": 503}, 3), ({"status": 401}, 3)])
def test_an_undo_is_tried_again_as_its_action_declares(fault: dict[str, Any], calls: int) -> None:
    """Each try is in the journal, and in the end it is said what could not be taken back."""
    played = rehearsed(UNDOING, "POST /agent/stream/stop", fault, None)
    assert on_the_wire(played, "POST /agent/stream/stop") == calls
    assert len(played.records("error", place="on/start")) == calls - 1
    [undone] = played.records("undo_finished")
    assert undone["outcome"].startswith("error.")
    assert "could not be closed and may still be open" in undone["message"]


def test_an_undo_that_is_done_at_the_last_try_is_done() -> None:
    """So nothing is left open by a page that passes."""
    played = rehearsed(UNDOING, "POST /agent/stream/stop", {"page": "challenge"}, 2)
    assert [record["outcome"] for record in played.records("undo_finished")] == ["done"]


ON_AND_ON = """
flow: rounds
initial: own
states:
  own: {do: credentials.load, transitions: {found: on, missing: over, error: over}}
  on:
    activities: {health: {do: retake.stream_status, every: 30s}}
    wait: 100s
    transitions: {done: over}
  over: {final: completed}
"""


def test_a_round_that_fails_comes_again_soon_and_then_less_often() -> None:
    """A repeated task is tried again as its action declares; after that it is only slower."""
    played = rehearsed(ON_AND_ON, "GET /agent/stream/status", {"page": "challenge"}, None)
    at = [seen.at for seen in played.platform.calls.calls if seen.path.endswith("/status")]
    pauses = [round(later - sooner) for sooner, later in pairwise(at)]
    assert pauses == [3, 6, 60]
    assert len(played.records("activity_failed")) == len(at) == 4
