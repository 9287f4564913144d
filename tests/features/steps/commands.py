"""Steps that call commands of the program in this process, and read what they say."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass

import pytest
from pytest_bdd import given, parsers, then, when

from retake_flow.cli.main import main
from retake_flow.testing.runs.rehearsed import Rehearsal


@dataclass
class Called:
    """What the last command ended with and wrote."""

    code: int = -1
    text: str = ""


@pytest.fixture
def called(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Called:
    """Commands are called in the folder of the agent, in an environment of its own."""
    monkeypatch.chdir(rehearsal.folder)
    for name in [name for name in os.environ if name.startswith(("RETAKE_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(rehearsal.folder))
    return Called()


@given(parsers.parse("the file {name} holds"))
def file_holds(rehearsal: Rehearsal, name: str, docstring: str) -> None:
    """In the folder of the agent."""
    file = rehearsal.folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(docstring + "\n", encoding="utf-8")


@given("a machine on which nothing is installed")
def bare_machine(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program can be found."""
    monkeypatch.setenv("PATH", "/nowhere")


@given(parsers.re(r"(?P<variable>[A-Z_]+) is set to (?P<value>\S+)"))
def setting(called: Called, variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment, and no other that says the same."""
    for name in ("https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)


@when(parsers.parse('"{line}" is called'))
def call(called: Called, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As `retake-flow` followed by these words."""
    capsys.readouterr()
    called.code = main(shlex.split(line))
    written = capsys.readouterr()
    called.text = written.out + written.err


@then(parsers.parse('it exits with {code:d} and says "{words}"'))
def exits_and_says(called: Called, code: int, words: str) -> None:
    """On standard output or beside it."""
    assert words in called.text, called.text
    assert called.code == code


@then("it says in this order")
def says_in_order(called: Called, docstring: str) -> None:
    """Each line holds words that stand behind those of the line before it."""
    rest = called.text
    for words in docstring.splitlines():
        _, found, rest = rest.partition(words)
        assert found, f"{words!r} is not said there:\n{called.text}"


@then(parsers.parse('it says "{words}"'))
def says(called: Called, words: str) -> None:
    """As before."""
    assert words in called.text


@then(parsers.parse('it nowhere says "{words}"'))
def says_not(called: Called, words: str) -> None:
    """Neither on standard output nor beside it, though it said something."""
    assert called.text
    assert words not in called.text


@then(parsers.parse("the run in the picture is at {state}"))
def drawn_at(called: Called, state: str) -> None:
    """The innermost of the states that are marked as active."""
    assert json.loads(called.text)["run"]["active"][-1] == state


@then(parsers.parse("its way in the picture is {states}"))
def drawn_way(called: Called, states: str) -> None:
    """The states along the arrows that are marked."""
    assert json.loads(called.text)["run"]["way"] == states.split(", ")
