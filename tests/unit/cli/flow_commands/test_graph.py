"""`retake-flow graph`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_command import Command
from waiting_runs import ASKING, put, suspended

from retake_flow.ports.runs import Runs


def test_a_flow_is_drawn_in_the_form_wanted(command: Command, folder: Path) -> None:
    """Mermaid unless another is named."""
    put(folder)
    assert command("graph", "asking.yaml").out.startswith("stateDiagram-v2\n")
    assert command("graph", "asking.yaml", "--format", "dot").out.startswith('digraph "asking" {\n')


def test_a_picture_is_written_where_it_is_to_go(command: Command, folder: Path) -> None:
    """And nothing else is said; a place that cannot be written is told."""
    put(folder)
    said = command("graph", "asking.yaml", "--format", "dot", "--output", "a.dot")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert (folder / "a.dot").read_text(encoding="utf-8").startswith("digraph")
    for bad in ("no/such/a.dot", ".", "a\0b"):
        said = command("graph", "asking.yaml", "--output", bad)
        assert said.code == 2
        assert "cannot be written" in said.err


@pytest.mark.real
@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_lays_it_out(command: Command, folder: Path) -> None:
    """As SVG and as PNG."""
    put(folder)
    for form, begin in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        assert command("graph", "asking.yaml", "--format", form, "--output", "a").code == 0
        assert (folder / "a").read_bytes().startswith(begin)


def test_without_graphviz_the_command_that_installs_it_is_told(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that other forms need nothing."""
    put(folder)
    monkeypatch.setenv("PATH", "/nowhere")
    said = command("graph", "asking.yaml", "--format", "svg")
    assert said.code == 6
    assert "apt install" in said.err
    assert "graphviz" in said.err


def test_sub_flows_can_be_folded(command: Command) -> None:
    """Their states are not drawn then."""
    assert "s_prove_human_IN_post" in command("graph", "go-live.yaml").out
    folded = command("graph", "go-live.yaml", "--folded").out
    assert "s_prove_human" in folded
    assert "s_prove_human_IN_post" not in folded


def test_a_program_gets_the_picture_in_an_object(command: Command, folder: Path) -> None:
    """Or, where it goes into a file, that file and its size."""
    put(folder)
    [told] = command("graph", "asking.yaml", "--json").records
    assert told.pop("next") == ["retake-flow plan asking.yaml --json"]
    assert told == {"flow": "asking", "format": "mermaid", "picture": command("graph", "asking.yaml").out}
    [told] = command("graph", "asking.yaml", "--json", "--output", "a.mmd").records
    assert told.pop("next")
    assert told == {"flow": "asking", "format": "mermaid", "file": "a.mmd", "bytes": (folder / "a.mmd").stat().st_size}


def test_a_png_has_to_go_into_a_file(command: Command, folder: Path) -> None:
    """It is no text."""
    put(folder)
    said = command("graph", "asking.yaml", "--format", "png", "--json")
    assert said.code == 2
    assert "--output FILE.png" in json.loads(said.out)["hint"]


def test_where_a_run_is_is_marked(command: Command, store: Runs, folder: Path) -> None:
    """The state that asks is active, what was not reached is pale, and programs are told the same."""
    run = suspended(command, store, folder)
    drawn = command("graph", "--run", "last").out
    assert f"%% {run}: suspended in question\n" in drawn
    assert "class s_question active\n" in drawn
    assert "class s_done,s_late unvisited\n" in drawn
    assert "asked now" in drawn
    [told] = command("graph", "--run", run, "--json").records
    assert told["run"] == {
        "active": ["question"],
        "visits": {"question": 1},
        "way": ["question"],
        "asked": ["question"],
    }


def test_a_run_is_drawn_in_the_flow_that_it_began_with(command: Command, store: Runs, folder: Path) -> None:
    """However its file looks by now, and also when it is gone."""
    suspended(command, store, folder)
    put(folder, text=ASKING.replace("late", "too_late"))
    assert "s_late" in command("graph", "asking.yaml", "--run", "last").out
    (folder / "asking.yaml").unlink()
    assert "s_late" in command("graph", "--run", "last").out


def test_the_way_to_an_end_is_marked(command: Command, store: Runs, folder: Path) -> None:
    """By what happened: the decision's arrow, not that of the time that ran out."""
    put(folder, text=ASKING.replace("late}", "done}").replace("  late: {final: failed, reason: nobody answered}\n", ""))
    command("run", "asking.yaml")
    assert command("resume", "last", "--answer", "word=well").code == 0
    drawn = command("graph", "--run", "last", "--format", "dot").out
    [arrow] = [line for line in drawn.splitlines() if '"question" -> "done"' in line]
    assert "#0969da" in arrow
    [told] = command("graph", "--run", "last", "--json").records
    assert told["run"]["way"] == ["question", "done"]
    assert told["run"]["asked"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no flow was named"),
        (("nowhere.yaml",), "nowhere.yaml"),
        (("--run", "nobody"), "nobody"),
        (("go-live.yaml", "--run", "last"), "is one of 'asking', not of 'go-live'"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    command: Command, store: Runs, folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    """With a hint; a picture of another flow than the run's would mislead."""
    suspended(command, store, folder)
    said = command("graph", *arguments)
    assert said.code != 0
    assert said.out == ""
    assert words in said.err


def test_no_answer_and_no_input_of_a_run_is_in_its_picture(command: Command, store: Runs, folder: Path) -> None:
    """Neither in a picture nor in what programs are told."""
    head = "inputs: {i: {type: string}}\n"
    put(folder, text=ASKING.replace("initial:", head + "initial:"))
    command("run", "asking.yaml", "--set", "i=hidden-input")
    assert command("resume", "last", "--answer", "word=hidden-answer").code == 0
    shown: list[Any] = [command("graph", "--run", "last", *more).out for more in ((), ("--format", "dot"), ("--json",))]
    assert all(shown)
    assert "hidden" not in str(shown)


def test_the_rules_that_hold_are_noted(command: Command) -> None:
    """In the states that they hold over, with why, also for programs; only when they are wanted."""
    assert "rule " not in command("graph", "go-live.yaml").out
    drawn = command("graph", "go-live.yaml", "--rules", "--format", "dot").out
    [session] = [line for line in drawn.splitlines() if line.strip().startswith('"broadcast/session" [')]
    assert "rule verified_first" in session
    [told] = command("graph", "go-live.yaml", "--rules", "--json").records
    assert "verified_first" in told["rules"]["over"]["broadcast/session"]
    assert told["rules"]["because"]["verified_first"] in drawn
