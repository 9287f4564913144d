"""What happens to a rehearsed run from outside."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from retake_flow.run.run import Phase
from retake_flow.testing.runs.interventions import Intervention, Prompter, Scene, asking, entering
from retake_flow.testing.runs.rehearsed import Rehearsal, open_flow
from retake_flow.whatif import virtual_time

ASKING = """\
flow: own
version: 1
initial: first
states:
  first:
    ask: {message: m, answer: {n: {type: integer}}}
    activities: {builder: {ask: {message: n, decisions: {go: , stay: }}}}
    transitions: {answered: end}
  end: {final: ok}
"""


def rehearsal(folder: Path, text: str = ASKING) -> Rehearsal:
    """A run of a flow of one's own."""
    file = folder / "own.yaml"
    file.write_text(text, encoding="utf-8")
    return Rehearsal(open_flow(str(file)), folder)


@pytest.mark.parametrize(
    ("waits_for", "record", "is_it"),
    [
        ("", {"event": "run_started"}, True),
        ("", {"event": "run_resumed"}, False),
        ("on_air", {"event": "state_entered", "state": "broadcast/pushing/on_air"}, True),
        ("pushing/on_air", {"event": "state_entered", "state": "broadcast/pushing/on_air"}, True),
        ("air", {"event": "state_entered", "state": "broadcast/pushing/on_air"}, False),
        ("on_air", {"event": "state_left", "state": "on_air"}, False),
    ],
)
def test_entering_a_state_is_known_by_its_name_or_the_end_of_its_path(
    waits_for: str, record: dict[str, Any], is_it: bool
) -> None:
    """Whole names count, not parts of them; nothing stands for the start of the run."""
    assert entering(waits_for)(record) is is_it


@pytest.mark.parametrize(
    ("place", "gate", "is_it"),
    [
        ("post", "prove/post.1", True),
        ("post", "post.12", True),
        ("builder", "on/air:builder.2", True),
        ("air:builder", "on/air:builder.2", True),
        ("ost", "prove/post.1", False),
        ("post", "post.x", False),
        ("p.st", "prove/post.1", False),
    ],
)
def test_a_question_is_known_by_its_place_or_the_end_of_it(place: str, gate: str, is_it: bool) -> None:
    """Of a state or an activity, at any visit."""
    assert asking(place)({"event": "gate_opened", "gate": gate}) is is_it
    assert not asking(place)({"event": "gate_answered", "gate": gate})


def test_each_intervention_happens_once_so_long_after_what_it_waits_for() -> None:
    """The first record counts, and each waits by itself."""

    async def scene() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []
        now = asyncio.get_running_loop().time

        def note(name: str) -> Any:
            return lambda scene: seen.append((name, now()))

        plans = [Intervention(entering("a"), 3.0, note("one")), Intervention(entering("a"), 1.0, note("two"))]
        prompter = Prompter(plans, lambda: None)  # type: ignore[arg-type, return-value]
        for _ in range(2):
            prompter.on_record({"event": "state_entered", "state": "a"})
            await asyncio.sleep(10)
        return seen

    assert virtual_time.run(scene()) == [("two", 1.0), ("one", 3.0)]


def test_somebody_answers_by_the_place_that_asks(tmp_path: Path) -> None:
    """The answer is held against the question as the command would, and taken by the next process."""
    prepared = rehearsal(tmp_path)
    prepared.comebacks.append(100.0)
    prepared.interventions.append(
        Intervention(asking("first"), 5.0, lambda scene: scene.answer("first", {"n": "3"}, by="bob"))
    )
    played = prepared.play()
    assert (played.run.outcome, played.refused, len(played.writes)) == ("ok", (), 2)
    [record] = played.records("gate_answered")
    assert (record["gate"], record["by"], record["fields"]) == ("first.1", "bob", {"n": 3})


@pytest.mark.parametrize(
    ("place", "given", "decision", "said"),
    [
        ("first", {"n": "many"}, "", "ann: n does not fit"),
        ("nowhere", {}, "", "ann: rehearsed does not ask 'nowhere'"),
        ("irst", {"n": "1"}, "", "ann: rehearsed does not ask 'irst'"),
        ("builder", {}, "", "ann: first:builder.1 asks for a decision"),
    ],
)
def test_what_was_not_taken_is_told(
    tmp_path: Path, place: str, given: dict[str, str], decision: str, said: str
) -> None:
    """Why an answer was refused is kept, by whom it was given, and the question stays open."""
    prepared = rehearsal(tmp_path)
    prepared.interventions.append(
        Intervention(asking("first"), 5.0, lambda scene: scene.answer(place, given, decision=decision))
    )
    prepared.comebacks.append(10.0)
    played = prepared.play()
    assert len(played.refused) == 1
    assert played.refused[0].startswith(said)
    assert played.run.phase is Phase.SUSPENDED
    assert set(played.run.gates) == {"first.1", "first:builder.1"}


def test_a_process_that_dies_writes_nothing_more(tmp_path: Path) -> None:
    """After a crash the journal ends where it was, until another process takes the run up."""
    text = "flow: own\nversion: 1\ninitial: a\nstates: {a: {wait: 60s, transitions: {done: e}}, e: {final: ok}}\n"
    prepared = rehearsal(tmp_path, text)
    prepared.intervene("a", 10.0, Scene.crash)
    died = prepared.play()
    assert (died.run.outcome, died.run.state, len(died.writes)) == (None, "a", 1)
    assert died.journal[-1]["event"] == "state_entered"
    prepared.comebacks.append(5.0)
    resumed = prepared.play()
    assert (resumed.run.outcome, len(resumed.writes)) == ("ok", 2)
    assert [record["died"] for record in resumed.records("run_resumed")] == [True]
