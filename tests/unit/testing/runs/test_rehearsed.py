"""Rehearsed runs: any flow, always the same, never for ever."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pytest

from retake_flow.errors import InputError
from retake_flow.flow.diagnostics import Problems
from retake_flow.rehearsal.setup.viewer_script import DEFAULT_SCRIPT
from retake_flow.testing.fakes.studio_programs import Trouble
from retake_flow.testing.runs.interventions import Scene
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed, TookTooLong, open_flow
from retake_flow.testing.steps.platform import fault

go_live = cache(partial(open_flow, "go-live.yaml"))


def rehearsal(folder: Path, **settings: object) -> Rehearsal:
    """A short run of go-live.yaml."""
    folder.mkdir(exist_ok=True)
    prepared = Rehearsal(go_live(), folder, inputs={"max_duration": "8s"}, **settings)
    prepared.give_credentials()
    return prepared


def of_text(tmp_path: Path, states: str) -> Rehearsal:
    """A run of a flow of one's own."""
    file = tmp_path / "own.yaml"
    file.write_text(f"flow: own\nversion: 1\ninitial: first\nstates: {states}\n")
    return Rehearsal(open_flow(str(file)), tmp_path)


def eventful(folder: Path) -> Rehearsed:
    """A run with viewers, faults, jitter and a death."""
    prepared = rehearsal(folder)
    prepared.options = replace(prepared.options, viewers=DEFAULT_SCRIPT)
    prepared.fault(fault("POST /agent/rtmp", "status 503"))
    prepared.fault(fault("POST /agent/stream/start", "a dropped connection"))
    prepared.troubles.append(Trouble("display", "dies", after=7.0))
    prepared.intervene("on_air", 2.0, lambda scene: scene.studio.kill("encoder"))
    return prepared.play()


def test_each_run_gives_the_same_journal(tmp_path):
    """The same set-up gives the same journal and the same report, however often it is played."""
    folder = tmp_path / "agent"
    seen = set()
    for _ in range(20):
        rehearsed = eventful(folder)
        seen.add(json.dumps([rehearsed.journal, rehearsed.report]))
        shutil.rmtree(folder)
    assert len(seen) == 1
    assert rehearsed.run.outcome == "completed"
    assert rehearsed.studio.started["display"] == 2


def test_a_run_without_end_is_ended(tmp_path):
    """What would go on for ever is stopped after its time, with the state that it hangs in."""
    routes = "{done: [{when: visits.first > 1000000, to: end}, {to: first}]}"
    prepared = of_text(tmp_path, f"{{first: {{wait: 1s, transitions: {routes}}}, end: {{final: ok}}}}")
    prepared.within = 60.0
    with pytest.raises(TookTooLong, match="after 60 s the run is still in 'first'"):
        prepared.play()


def test_a_flow_with_mistakes_is_not_played(tmp_path):
    """A flow is checked as the command line checks it."""
    with pytest.raises(Problems):
        of_text(tmp_path, "{first: {do: retake.stream_keys, transitions: {done: nowhere}}}")


def test_inputs_are_checked(tmp_path):
    """An input that the flow does not have is refused."""
    prepared = rehearsal(tmp_path / "agent")
    prepared.inputs["max_durations"] = "3s"
    with pytest.raises(InputError, match="max_duration"):
        prepared.play()


def test_an_intervention_happens_once_and_in_time(tmp_path):
    """It is due so many seconds after the state was entered for the first time."""
    times: list[float] = []

    def note(scene: Scene) -> None:
        times.append(scene.platform.now() - scene.platform.began)

    routes = "{done: [{when: visits.first < 3, to: first}, {to: end}]}"
    prepared = of_text(tmp_path, f"{{first: {{wait: 2s, transitions: {routes}}}, end: {{final: ok}}}}")
    prepared.intervene("", 0.5, note)
    prepared.intervene("first", 1.0, note)
    prepared.intervene("end", 1.0, note)
    assert prepared.play().run.outcome == "ok"
    assert times == [0.5, 1.0]


def test_what_is_left_behind_shows(tmp_path):
    """A task that outlives the run is named."""
    kept: list[asyncio.Task[None]] = []

    def leave(scene: Scene) -> None:
        kept.append(asyncio.get_running_loop().create_task(asyncio.sleep(1000), name="forgotten"))

    prepared = of_text(tmp_path, "{first: {wait: 2s, transitions: {done: end}}, end: {final: ok}}")
    prepared.intervene("first", 1.0, leave)
    assert prepared.play().left == ("forgotten",)


def test_a_rehearsal_can_be_played_again(tmp_path):
    """Playing uses nothing up: troubles and faults are there the second time too."""
    prepared = rehearsal(tmp_path / "agent", troubles=[Trouble("encoder", "fails")])
    assert [prepared.play().studio.started["encoder"] for _ in range(2)] == [2, 2]


def test_records_are_found_by_their_fields(tmp_path):
    """The journal can be asked for one kind of record with certain values."""
    rehearsed = rehearsal(tmp_path / "agent").play()
    assert [r["visit"] for r in rehearsed.records("state_entered", state="broadcast/pushing/on_air")] == [1]
    assert rehearsed.records("state_entered", state="nowhere") == []
