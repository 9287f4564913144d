"""A plan held against a run: the same flow, rehearsed in virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.addresses import API_PATH
from retake_flow.flow.load.inputs import resolve
from retake_flow.rehearsal.setup.faults import Fault
from retake_flow.testing.fakes.services import Moltbook
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed, open_flow
from retake_flow.testing.steps.platform import fault
from retake_flow.whatif.plan import planner
from retake_flow.whatif.plan.plan import Kind, Plan

go_live = cache(partial(open_flow, "go-live.yaml"))
INPUTS = {"max_duration": "20m"}


def rehearsed(folder: Path, faults: tuple[Fault, ...] = (), **options: Any) -> Rehearsed:
    """A run of go-live.yaml in which this goes wrong."""
    rehearsal = Rehearsal(go_live(), folder, inputs=dict(INPUTS))
    rehearsal.options = replace(rehearsal.options, **options)
    rehearsal.give_credentials()
    rehearsal.moltbook = Moltbook()
    rehearsal.intervene("asking", 60.0, lambda scene: scene.answer("builder", {"direction": "owls"}))
    rehearsal.intervene("trouble", 1.0, lambda scene: scene.answer("trouble", {}, decision="give_up"))
    rehearsal.comebacks = [2.0]
    for each in faults:
        rehearsal.fault(each)
    return rehearsal.play()


def planned(*assumed: str) -> Plan:
    """The plan of the same run."""
    return planner.plan(go_live(), CATALOGUE, resolve(go_live(), INPUTS), assumed)


def order(found: list[Any]) -> list[Any]:
    """In the order in which each was there first."""
    return list(dict.fromkeys(found))


def calls(run: Rehearsed) -> list[str]:
    """The calls that the platform got."""
    return [f"{call.method} {call.path.removeprefix(API_PATH)}" for call in run.platform.calls.calls]


def same(plan: Plan, run: Rehearsed) -> None:
    """The run went the way of the plan, made its calls in its order, and ended as it said."""
    entered = [record["state"] for record in run.records("state_entered")]
    assert list(plan.states) == order(entered)
    assert plan.ended == run.run.outcome
    requests = list(plan.of(Kind.REQUEST))
    repeated = {step.facts["call"] for step in requests if "every" in step.facts}
    once = order([step.facts["call"] for step in requests if step.facts["call"] not in repeated])
    may = {call for step in plan.steps for call in step.facts.get("may", {})} - {*once, *repeated}
    assert [call for call in order(calls(run)) if call not in {*repeated, *may}] == once
    assert repeated <= set(calls(run))
    assert set(calls(run)) <= {*once, *repeated, *may}


def test_a_run_in_which_all_goes_well_goes_as_planned(tmp_path: Path) -> None:
    """State by state, call by call, and for as long."""
    plan, run = planned(), rehearsed(tmp_path)
    same(plan, run)
    assert plan.t == pytest.approx(1200, abs=1)
    (notice,) = run.records("notice", kind="live")
    assert notice["message"].startswith("I'm live at ")
    live, shared, *_ = (step.facts["says"] for step in plan.of(Kind.TELL))
    assert (live[:12], shared[:11]) == ("I'm live at ", "I'm live on")


@pytest.mark.parametrize(
    ("assumed", "call", "words"),
    [
        ("session=error.rejected", "POST /agent/stream/start", "status 400"),
        ("stream_key=error.unauthorized", "POST /agent/rtmp", "status 401"),
        ("check_guide=error.unavailable", "GET /skill.json", "status 503"),
    ],
)
def test_a_run_with_an_error_goes_as_planned(tmp_path: Path, assumed: str, call: str, words: str) -> None:
    """The same states, the same calls, the same end."""
    same(planned(assumed), rehearsed(tmp_path, faults=(fault(call, words, times=None),)))


def test_a_stream_that_is_never_seen_live_goes_as_planned(tmp_path: Path) -> None:
    """Half a hundred rounds of polls that run into their timeout come to the question at the same time."""
    plan, run = planned("confirm_live.is_live=false", "trouble=give_up"), rehearsed(tmp_path, lag=10_000.0)
    same(plan, run)
    ended = datetime.fromisoformat(run.last["t"]).timestamp() - datetime.fromisoformat(run.journal[0]["t"]).timestamp()
    assert ended == pytest.approx(plan.t, rel=0.01)
    entered = [record["state"] for record in run.records("state_entered")]
    (again,) = (step for step in plan.of(Kind.REPEATED) if step.facts["states"])
    assert entered.count("broadcast/recovering") == again.facts["times"] + 2
