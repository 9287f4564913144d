"""docs/testing.md matches the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from retake_flow.cli.main import main
from retake_flow.testing.phrasebook import steps

_TEXT = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")


def _block(language: str) -> Iterator[str]:
    yield from re.findall(rf"^```{language}\n(.*?)^```", _TEXT, re.M | re.S)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the flow and the feature of the tutorial."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "features").mkdir()
    (tmp_path / "owl.yaml").write_text(next(_block("yaml")), encoding="utf-8")
    (tmp_path / "features" / "owl.feature").write_text(next(_block("gherkin")), encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_tutorial_is_played_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """The command shown gives exactly the lines shown."""
    command, _, shown = next(_block("text")).partition("\n")
    assert main(command.removeprefix("$ retake-flow ").split()) == 0
    assert capsys.readouterr().out == shown


def test_the_failure_is_shown_as_it_stands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the first `Then` changed, the lines shown come."""
    feature = folder / "features" / "owl.feature"
    feature.write_text(feature.read_text(encoding="utf-8").replace('"greet"', '"over"', 1), encoding="utf-8")
    assert main(["test", "owl.yaml"]) == 1
    told = capsys.readouterr().out
    for line in list(_block("text"))[1].splitlines():
        assert line in told


def test_the_scenarios_that_are_missing_are_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After that all transitions are taken."""
    command, _, file = list(_block("text"))[2].strip().partition(" > ")
    assert main(command.removeprefix("retake-flow ").split()) == 0
    (folder / file).write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["test", "owl.yaml"]) == 0
    assert "4 of 4 states, 5 of 5 transitions" in capsys.readouterr().out


def test_all_steps_stand_in_the_table() -> None:
    """As `--steps` lists them, no more and no fewer."""
    rows = re.findall(r"^\| (Given|When|Then) \| `(.*)` \| (.*) \|$", _TEXT, re.M)
    assert rows == [(step.kind, step.wording, step.meaning) for step in steps()]
