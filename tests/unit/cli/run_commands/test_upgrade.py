"""Going on with the flow's file as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_command import Command
from waiting_runs import ASKING, names, put, suspended

from retake_flow.flow.load.load import load_stored as flow_of
from retake_flow.flow.text.bundle import parse
from retake_flow.ports.runs import Runs

NEWER = ASKING.replace("version: 1", "version: 2").replace("{final: completed}", "{final: completed, reason: as new}")


def test_a_run_goes_on_in_a_newer_flow(command: Command, store: Runs, folder: Path) -> None:
    """The run, its digest and the stored text are those of the new one, the journal says so, and it is what is run."""
    run = suspended(command, store, folder)
    before = store.load(run)
    put(folder, text=NEWER)
    said = command("resume", run, "--upgrade", "--answer", "word=yes", "--json")
    assert (said.code, names(said)[-1]) == (0, "run_ended")
    kept = store.load(run)
    assert kept.run.reason == "as new"
    assert kept.run.digest == flow_of(parse(kept.flow_text)).digest != before.run.digest
    [upgraded] = [record for _, record in store.journal(run) if record["event"] == "run_upgraded"]
    assert (upgraded["run"], upgraded["version"], upgraded["digest"]) == (run, 2, kept.run.digest)


def test_without_an_upgrade_the_old_one_is_run(command: Command, store: Runs, folder: Path) -> None:
    """Editing a file changes no run by itself."""
    run = suspended(command, store, folder)
    put(folder, text=NEWER)
    assert command("resume", run, "--answer", "word=yes").code == 0
    assert store.load(run).run.reason == ""


def test_an_open_question_stays_as_it_was_asked(command: Command, store: Runs, folder: Path) -> None:
    """Other words in the new flow ask nobody again."""
    run = suspended(command, store, folder)
    put(folder, text=NEWER.replace("Well?", "So?"))
    assert command("resume", run, "--upgrade").code == 4
    [one] = store.open_gates(run)
    assert (one.gate.id, one.gate.message) == ("question.1", "Well?")


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        (NEWER.replace("question", "riddle"), "there is no state 'question' any more", "+  riddle:"),
        (
            NEWER.replace("word: {type: string}", "word: {type: integer}"),
            "question.1 is asked with other fields or decisions now",
            '+    ask: {message: "Well?", answer: {word: {type: integer}}, timeout: 1h}',
        ),
    ],
)
def test_a_flow_that_the_run_cannot_go_on_in_is_refused(
    command: Command, store: Runs, folder: Path, text: str, said: str, line: str
) -> None:
    """It ends with 3 and says why, with the difference of the two files; the run stays as it was, and is let go."""
    run = suspended(command, store, folder)
    before = store.load(run)
    put(folder, text=text)
    answered = command("resume", run, "--upgrade")
    assert answered.code == 3
    assert f"{run} cannot continue with the flow as it is now: {said}" in answered.err
    assert line in answered.err.splitlines()
    assert "-version: 1" in answered.err.splitlines()
    assert "asking.yaml (as the run has it)" in answered.err
    kept = store.load(run)
    assert (kept.run, kept.flow_text, kept.holder) == (before.run, before.flow_text, None)
    assert command("resume", run, "--answer", "word=yes").code == 0


@pytest.mark.parametrize(("text", "code"), [("flow: [", 3), (NEWER.replace("done: {", "dnoe: {"), 3), (None, 2)])
def test_a_file_that_is_no_flow_upgrades_nothing(
    command: Command, store: Runs, folder: Path, text: str | None, code: int
) -> None:
    """Mistakes are told as `check` tells them, and a file that is gone as an unknown flow; the run is let go."""
    run = suspended(command, store, folder)
    before = store.load(run)
    if text is None:
        (folder / "asking.yaml").unlink()
    else:
        put(folder, text=text)
    said = command("resume", run, "--upgrade")
    assert said.code == code
    assert "asking.yaml" in said.err
    kept = store.load(run)
    assert (kept.flow_text, kept.holder) == (before.flow_text, None)


def test_the_same_flow_upgrades_nothing(command: Command, store: Runs, folder: Path) -> None:
    """It is said, and the run goes on."""
    run = suspended(command, store, folder)
    said = command("resume", run, "--upgrade", "--answer", "word=yes")
    assert (said.code, "the run already has this flow" in said.err) == (0, True)
    assert "run_upgraded" not in [record["event"] for _, record in store.journal(run)]


def test_a_change_in_a_sub_flow_is_an_upgrade(command: Command, store: Runs, folder: Path) -> None:
    """The texts of sub-flows belong to the flow."""
    inside = "a: {flow: asking.yaml, transitions: {completed: z, failed: z}}"
    outer = f"flow: outer\ninitial: a\nstates: {{{inside}, z: {{final: completed}}}}\n"
    put(folder)
    put(folder, "outer", outer)
    assert command("run", "outer.yaml").code == 4
    run = store.find("last")
    assert "already has" in command("resume", run, "--upgrade").err
    put(folder, text=NEWER)
    assert command("resume", run, "--upgrade").code == 4
    assert "run_upgraded" in [record["event"] for _, record in store.journal(run)]
    put(folder, text=NEWER.replace("question", "riddle"))
    said = command("resume", run, "--upgrade")
    assert (said.code, "there is no state 'a/question' any more" in said.err) == (3, True)
