"""Steps about rehearsed runs of one agent: how soon each is on air, and what is asked of people and others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import httpx
from pytest_bdd import given, parsers, then, when

from retake_flow.actions.lag import path_beside
from retake_flow.rehearsal.setup.options import Moment
from retake_flow.testing.fakes.services import Moltbook
from retake_flow.testing.fakes.studio_programs import PARTS
from retake_flow.testing.runs.observed import Subject
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.steps.tables import ON_AIR
from retake_flow.whatif.virtual_time import EPOCH


@when("the agent goes live once more", target_fixture="rehearsed")
def goes_live_again(rehearsal: Rehearsal, subject: Subject) -> Rehearsed:
    """Another run of the same agent, of which the agent knows what it has kept."""
    subject.of = rehearsed = rehearsal.play()
    return rehearsed


@when(parsers.parse("a stream shows as live {seconds:g} s after its first video"))
def lag_from_now_on(rehearsal: Rehearsal, seconds: float) -> None:
    """The platform has changed since the last stream."""
    rehearsal.options = replace(rehearsal.options, lag=seconds)


@given(
    parsers.re(
        "the platform tells that a session has started when it is (?P<event>live|opened), "
        "and lists it when it is (?P<listed>live|opened)"
    )
)
def tells(rehearsal: Rehearsal, event: str, listed: str) -> None:
    """Nobody knows when the real platform does."""
    moments: dict[str, Moment] = {"live": "live", "opened": "start"}
    rehearsal.options = replace(rehearsal.options, session_started=moments[event], live_users=moments[listed])


@given(parsers.parse('Moltbook refuses the post and says "{hint}"'))
def refusing(rehearsal: Rehearsal, hint: str) -> None:
    """There is a key for it, which is not good enough yet."""
    refusal = {"success": False, "error": "Your account cannot post yet", "hint": hint}
    rehearsal.moltbook = Moltbook(answers=[httpx.Response(403, json=refusal)])


@when(parsers.re("(?P<what>nonsense|an empty file|a folder|the lag of .+) is where the lag was kept"))
def spoilt(rehearsal: Rehearsal, what: str) -> None:
    """A crash, a person, or another program has been there."""
    path = path_beside(rehearsal.credentials)
    assert json.loads(path.read_text())
    path.unlink()
    if what == "a folder":
        path.mkdir()
        return
    lags = {"the lag of NaN s": [[float("nan"), 1.0, "looks"]], "the lag of years": [[-1e300, 1e300, "looks"]]}
    texts = {"nonsense": "\0{[", "an empty file": ""}
    path.write_text(texts[what] if what in texts else json.dumps({"retake.tv": lags[what]}))


@then(parsers.parse("it was on air {seconds:g} s at most after it was live"))
@then(parsers.parse("it was back on air {seconds:g} s at most after it was live again"))
def soon(rehearsed: Rehearsed, seconds: float) -> None:
    """From the moment the platform shows the last session live, to all that is to be done before the loops."""
    assert _opened(rehearsed) <= seconds


@then("it was on air no later than by the guide done literally")
def as_by_the_guide(rehearsed: Rehearsed) -> None:
    """Which asks every 3 s from the start of its encoder, and is allowed the same time for all else."""
    (push,) = rehearsed.report["recordings"]
    live = rehearsed.agent["sessions"][-1]["live"]
    began = push["opened"] - PARTS["encoder"][1]
    literally = next(began + 3.0 * number for number in range(20) if began + 3.0 * number >= live)
    assert _opened(rehearsed) <= literally - live + 0.5


def _opened(rehearsed: Rehearsed) -> float:
    """Seconds from the moment the last session was shown live until the run was on air with it."""
    on_air = datetime.fromisoformat(rehearsed.records("state_entered", state=ON_AIR)[-1]["t"]).timestamp() - EPOCH
    return round(on_air - float(rehearsed.agent["sessions"][-1]["live"]), 3)


@then(parsers.parse("{place} was asked once"))
def asked_once(rehearsed: Rehearsed, place: str) -> None:
    """Whatever happened after the answer."""
    gates = [record["gate"] for record in rehearsed.records("gate_opened")]
    assert [gate for gate in gates if gate.startswith(f"{place}.")] == [f"{place}.1"]
