"""Flows as Mermaid text."""

from __future__ import annotations

import re

import pytest
from diagram_samples import hostile, marked
from flow_samples import GO_LIVE, flow_of, with_sub, written

from retake_flow.flow.diagram.diagram import diagram
from retake_flow.flow.diagram.mermaid import mermaid
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow

GO = load_flow(GO_LIVE.read_text(encoding="utf-8"), "go-live.yaml")
#: Every line that we write, of the syntax at https://mermaid.js.org/syntax/stateDiagram.html.
SYNTAX = re.compile(
    r"stateDiagram-v2"
    r"|\s+%% [^{}]+"
    r"|\s+(\[\*\]|s_\w+) --> (\[\*\]|s_\w+)(: [^:;{}\"<>]+)?"
    r'|\s+state "[^"]+" as s_\w+( \{)?'
    r"|\s+\}"
    r"|\s+note right of s_\w+|\s+end note"
    r"|\s+classDef [a-z]+ [a-z#0-9:,-]+"
    r"|\s+class s_\w+(,s_\w+)* [a-z]+"
)


def unescaped(text: str) -> str:
    """The text without references and line breaks."""
    return re.sub(r"#\d+;|<br/>", "·", text)


def drawn(states: str, initial: str = "a") -> str:
    """The picture of a flow of these states."""
    return mermaid(diagram(flow_of(states, initial)))


def test_every_state_and_every_arrow_is_there() -> None:
    """Each box is declared once, and each arrow is a line."""
    picture = diagram(GO)
    text = mermaid(picture)
    for box in picture.all():
        declared = f'state "{box.name}" as s_{box.path.replace("/", "_IN_")}'
        assert len([line for line in text.splitlines() if line.strip().removesuffix(" {") == declared]) == 1
    assert len(re.findall(r"^\s*s_\w+ --> s_\w+: ", text, re.M)) == len(picture.arrows)


def test_where_a_flow_begins_and_ends_is_marked() -> None:
    """Also inside composites; the ends of a sub-flow are ends of it, not of the whole picture."""
    assert "    [*] --> s_a\n" in drawn("a: {transitions: {stop: b}}\nb: {final: ok}")
    assert "    s_b --> [*]\n" in drawn("a: {transitions: {stop: b}}\nb: {final: ok}")
    inner = written("b: {transitions: {stop: c}}\nc: {final: ok}", "b")
    text = mermaid(diagram(with_sub("a: {flow: inner.yaml, transitions: {ok: z}}\nz: {final: ok}", inner=inner)))
    assert "        [*] --> s_a_IN_b\n" in text
    assert re.findall(r"^( +\w+) --> \[\*\]$", text, re.M) == ["        s_a_IN_c", "    s_z"]


def test_labels_and_notes_are_lines() -> None:
    """Below each other, in the order of the picture."""
    long = "x" * 30
    text = drawn(f"a: {{do: a.work, timeout: 1m, transitions: {{stop: b, {long}: b}}}}\nb: {{final: ok}}")
    assert f"s_a --> s_b: stop<br/>{long}\n" in text
    assert "    note right of s_a\n        a.work\n        timeout 1m\n    end note\n" in text


def test_states_of_like_names_stay_apart() -> None:
    """A nested state and one whose name looks like its path are two."""
    text = drawn("a: {initial: b, states: {b: {transitions: {stop: a__b}}}}\na__b: {final: ok}")
    declared = re.findall(r" as (\w+)", text)
    assert len(declared) == len(set(declared)) == 3


def test_questions_and_ends_are_coloured() -> None:
    """By classes, each declared once; frames are left alone."""
    text = drawn("a: {initial: b, states: {b: {ask: {message: m}}}}\nc: {final: completed}\nd: {final: failed}")
    assert re.findall(r"^    class (\S+) (\w+)$", text, re.M) == [
        ("s_a_IN_b", "asking"), ("s_c", "completed"), ("s_d", "failed")
    ]  # fmt: skip
    assert re.findall(r"classDef (\w+)", text) == ["asking", "completed", "failed"]


def test_a_run_is_marked_by_colours_and_counts() -> None:
    """Where it is, where it was and how often, where it never was."""
    flow = flow_of("a: {transitions: {x: b, y: c}}\nb: {}\nc: {}")
    text = mermaid(marked(flow, "a", "b", a=3, b=1))
    assert re.findall(r"^    class (\S+) (\w+)$", text, re.M) == [
        ("s_a", "visited"), ("s_b", "active"), ("s_c", "unvisited")
    ]  # fmt: skip
    assert 'state "a ×3" as s_a\n' in text
    assert "%% owl" in text


@pytest.mark.parametrize("flow", [GO, hostile()], ids=["go-live", "hostile"])
def test_every_line_is_of_the_documented_syntax(flow: Flow) -> None:
    """No text of a flow makes a line another one: signs that mean something are written as references."""
    inside = False
    for line in unescaped(mermaid(diagram(flow))).splitlines():
        if line.strip() == "end note":
            inside = False
        if inside:
            assert not set(line) & set('#;:{}<>"\\`[]|%&')
        else:
            assert SYNTAX.fullmatch(line), line
        inside = inside or line.strip().startswith("note right of ")
