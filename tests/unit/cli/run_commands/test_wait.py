"""Waiting for a record or an event of a run."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cli_command import Command
from stored_runs import stored

import retake_flow
from retake_flow.flow.load.load import load_flow
from retake_flow.ports.runs import Runs
from retake_flow.run.records import KINDS, record
from retake_flow.store.holders import this_process

FLOW = load_flow(
    """\
flow: raided
initial: show
events: {raid: {}}
states:
  show:
    activities: {chat: {do: chat.respond}}
    timeout: 1h
    transitions: {timeout: over, raid: over, error: over}
  over: {final: completed}
""",
    "raided.yaml",
)
EXPECTED = (
    "expected: on-air, gate, message, ended, a kind of record, or an event of the flow: "
    "extend, first_message, follow, raid, tip, trade"
)


@pytest.mark.parametrize(
    ("word", "near"),
    [("raids", "did you mean 'raid'? "), ("on_air", "did you mean 'on-air'? "), ("xyzzy", ""), ("stop", "")],
)
def test_a_name_that_never_comes_is_refused(command: Command, store: Runs, word: str, near: str) -> None:
    """At once and as a wrong argument, with all that can come."""
    stored(store, flow_text=FLOW.sources.dump(), holder=this_process())
    said = command("wait", "owl-1", "--until", "ended", "--until", word, "--within", "0s", "--json")
    [error] = said.records
    assert (said.code, error["kind"]) == (2, "usage")
    assert error["message"] == f"'{word}' never comes in a run of the flow 'raided'"
    assert error["hint"].endswith(near + EXPECTED)


@pytest.mark.parametrize("word", ["raid", "extend", "tip", "state_entered", "notice", "gate"])
def test_what_can_come_is_waited_for(command: Command, store: Runs, word: str) -> None:
    """Events from outside, those of its actions, and records."""
    stored(store, flow_text=FLOW.sources.dump(), holder=this_process())
    assert command("wait", "owl-1", "--until", word, "--within", "0s").code == 1


def test_an_event_that_has_come_ends_the_waiting(command: Command, store: Runs) -> None:
    """As does a record of a kind that only an older version wrote."""
    records = [record("event_raised", 1.0, name="raid", data={}), record("ending", 2.0)]
    stored(store, flow_text=FLOW.sources.dump(), records=records, holder=this_process())
    for word, number in (("raid", 1), ("ending", 2)):
        [met] = command("wait", "owl-1", "--until", word, "--after", "0", "--json").records
        assert (met["met"], met["event"]["number"]) == (word, number)


def test_any_name_is_waited_for_in_a_run_whose_flow_cannot_be_read(command: Command, store: Runs) -> None:
    """It is not known what it raises."""
    stored(store, holder=this_process())
    assert command("wait", "owl-1", "--until", "raid", "--within", "0s").code == 1


def test_all_kinds_of_records_are_known() -> None:
    """Those that the package writes, wherever it does; what only a command prints is in no journal."""
    printed = {"off_air", "output_dropped", "run_left"}
    assert _written() - printed <= KINDS


def _written() -> set[str]:
    """The names with which the package makes records."""
    makers = {"record", "note", "_note", "_record", "_note_delivery", "Note"}
    found = set()
    for path in Path(retake_flow.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[kind, *_]) if name in makers:
                    found |= _texts(kind)
                case ast.Call(func=ast.Attribute(attr="append"), args=[ast.Tuple(elts=[kind, ast.Dict()])]):
                    found |= _texts(kind)
    return found


def _texts(node: ast.expr) -> set[str]:
    parts = (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,)
    return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
