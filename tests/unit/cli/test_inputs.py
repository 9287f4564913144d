"""Inputs that come from the environment or a file, of runs that begin, go on and end."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.ports.runs import Runs

FLOW = """\
flow: keyed
inputs:
  key: {type: string, secret: true, env: OWL_KEY, file: key.txt}
  word: {type: string, env: OWL_WORD, default: none, secret: false}
initial: question
states:
  question:
    ask: {message: "{{ inputs.word }}?", answer: {word: {type: string}}}
    transitions: {answered: [{when: inputs.key is defined, to: with_key}, {to: without}], stop: stopped}
  with_key: {final: completed, reason: "{{ inputs.word }}, {{ outputs.question.word }}"}
  without: {final: failed}
  stopped: {final: stopped}
"""
KEY = "hush-hush-hush"


@pytest.fixture
def run(command: Command, store: Runs, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that waits for an answer without a process, and whose variables are gone."""
    (folder / "keyed.yaml").write_text(FLOW, encoding="utf-8")
    monkeypatch.setenv("OWL_KEY", KEY)
    monkeypatch.setenv("OWL_WORD", "first")
    said = command("run", "keyed.yaml")
    assert said.code == 4, said.err
    monkeypatch.delenv("OWL_KEY")
    monkeypatch.setenv("OWL_WORD", "second")
    return store.find("last")


def test_too_many_words_for_a_raid_are_refused_at_once(command: Command) -> None:
    """None is dropped without a word: the flow begins with three messages at most."""
    said = command("run", "raid.yaml", "--set", 'messages=["a", "b", "c", "d"]')
    assert (said.code, "the input 'messages' does not fit: there are 4 entries" in said.err) == (2, True)


def test_a_secret_is_read_again(command: Command, store: Runs, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no secret stays as it was when the run began."""
    monkeypatch.setenv("OWL_KEY", KEY)
    assert command("resume", run, "--answer", "word=yes").code == 0
    ended = store.load(run).run
    assert (ended.state, ended.reason) == ("with_key", "first, yes")


def test_a_secret_is_never_written_down(run: str, command: Command, tmp_path: Path) -> None:
    """Not in the store, whatever file it is in, nor in the journal."""
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"keyed" in written
    assert KEY.encode() not in written
    assert KEY not in command("show", run, "--journal").out


def test_without_its_secret_a_run_stays_as_it_is(command: Command, store: Runs, run: str) -> None:
    """It is said what to set; the answer counts, and the run is let go."""
    said = command("resume", run, "--answer", "word=yes")
    assert said.code == 2
    assert "the secret input 'key' is never stored" in said.err
    assert "env OWL_KEY or file" in said.err
    assert store.load(run).holder is None


def test_the_file_is_found_from_another_folder(
    command: Command, run: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the flow, wherever the run is resumed."""
    (folder / "key.txt").write_text(f"{KEY}\n", encoding="utf-8")
    monkeypatch.chdir("/")
    assert command("resume", run, "--answer", "word=yes").code == 0


def test_a_run_can_be_stopped_without_its_secret(command: Command, store: Runs, run: str) -> None:
    """What has to end ends."""
    assert command("stop", run).code == 0
    assert store.load(run).run.outcome == "stopped"


def test_what_is_only_imagined_needs_no_secret(command: Command, folder: Path) -> None:
    """A plan and a simulation are made without it."""
    (folder / "keyed.yaml").write_text(FLOW, encoding="utf-8")
    (folder / "script").write_text('{"event": "stop"}\n', encoding="utf-8")
    said = command("simulate", "keyed.yaml", "script")
    assert (said.code, said.records[-1]["ended"]) == (0, "stopped")
    assert command("plan", "keyed.yaml").code == 0
