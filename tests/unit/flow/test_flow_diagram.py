"""Flows as pictures."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flow_samples import GO_LIVE, flow_of, with_sub, written

from retake_flow.flow import diagram
from retake_flow.flow.load import loaded
from retake_flow.flow.model import Flow

GO = loaded(GO_LIVE.read_text(encoding="utf-8"), "go-live.yaml")
HOSTILE = """'"]; } --> x : y # % <script> ` \\\\ | {{ '"""
NOTED = """
a:
  initial: b
  activities: {t: {do: a.work, every: 3s}}
  states:
    b: {do: a.say, undo: a.work}
c: {wait: 10s}
"""


def hostile() -> Flow:
    """A flow whose texts hold every sign that means something to a diagram."""
    flow = flow_of("a: {transitions: {stop: [{when: \"vars.x == 'PLACEHOLDER'\", to: b}, {to: b}]}}\nb: {final: ok}")
    state = flow.states["a"]
    first, last = state.routes["stop"]
    assert first.when is not None
    first.when.text = HOSTILE
    mean = replace(state, do=HOSTILE, wait=HOSTILE, routes={"stop": (first, last)})
    return replace(flow, name=HOSTILE, states={**flow.states, "a": mean})


def unquoted(dot: str) -> str:
    """Graphviz text without its quoted parts."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', "Q", dot)


def test_every_state_and_every_arrow_is_drawn() -> None:
    """Both pictures hold each state, and an arrow for each pair of a state and a target."""
    pairs = {(s.path, r.to) for s in GO.states.values() for routes in s.routes.values() for r in routes}
    mermaid, dot = diagram.mermaid(GO), diagram.dot(GO)
    for path in GO.states:
        assert f" as s_{path.replace('/', '_IN_')}" in mermaid
        assert f'"cluster {path}"' in dot or f'"{path}" [label=' in dot
    assert len(re.findall(r"^\s*s_\w+ --> s_\w+: ", mermaid, re.M)) == len(pairs)
    assert len(re.findall(r'^  "[^"]+" -> ', dot, re.M)) == len(pairs) + 1  # one from the start


def test_final_states_and_the_beginning_are_marked() -> None:
    """Mermaid shows where a flow begins and ends; Graphviz draws ends with a double frame."""
    flow = flow_of("a: {transitions: {stop: b}}\nb: {final: ok}")
    assert "    [*] --> s_a\n" in diagram.mermaid(flow)
    assert "    s_b --> [*]\n" in diagram.mermaid(flow)
    assert diagram.dot(flow).count("peripheries=2") == 1


def test_routes_to_one_target_share_an_arrow() -> None:
    """Several events that lead to one state are one arrow with their names below each other."""
    flow = flow_of("a: {transitions: {stop: b, x: {when: vars.n > 1, to: b}}}\nb: {final: ok}")
    assert "s_a --> s_b: stop<br/>x #91;vars.n #62; 1#93;" in diagram.mermaid(flow)
    assert '"a" -> "b" [label="stop\\nx [vars.n > 1]"];' in diagram.dot(flow)


def test_states_of_like_names_stay_apart() -> None:
    """A nested state and one whose name looks like its path are two."""
    flow = flow_of("a: {initial: b, states: {b: {transitions: {stop: a__b}}}}\na__b: {final: ok}")
    declared = re.findall(r" as (\w+)", diagram.mermaid(flow))
    assert len(declared) == len(set(declared)) == 3


def test_no_text_of_a_flow_breaks_out_of_a_mermaid_diagram() -> None:
    """Signs that mean something to Mermaid are written as references, in labels and notes."""
    lines = diagram.mermaid(hostile()).splitlines()
    labels = [line.partition(": ")[2] for line in lines if "-->" in line and ": " in line]
    notes = lines[lines.index("    note right of s_a") + 1 : lines.index("    end note")]
    assert labels
    assert notes
    for text in (*labels, *notes):
        assert not set(re.sub(r"#\d+;|<br/>", "", text)) & set('#;:{}<>"\\`[]|%')


def test_no_text_of_a_flow_breaks_out_of_a_graphviz_text() -> None:
    """Quoted texts stay quoted: outside of them there are only Graphviz's own words."""
    bare = unquoted(diagram.dot(hostile()))
    assert '"' not in bare
    assert "script" not in bare
    assert bare.count("{") == bare.count("}") == 1


@pytest.mark.parametrize("length", [60, 61, 500])
def test_long_guards_are_cut(length: int) -> None:
    """A guard of more than sixty signs is cut with an ellipsis."""
    guard = "vars.n == " + "1" * (length - 10)
    flow = flow_of(f"a: {{transitions: {{stop: [{{when: '{guard}', to: b}}, {{to: b}}]}}}}\nb: {{final: ok}}")
    [shown] = re.findall(r"stop \[(.*?)\]", diagram.dot(flow))
    assert shown == (guard if length == 60 else guard[:59] + "…")


def test_what_runs_in_a_state_is_noted() -> None:
    """The action, the undo and the activities of a state stand in its picture."""
    flow = flow_of(NOTED)
    for picture in (diagram.mermaid(flow), diagram.dot(flow)):
        plain = picture.replace("#58;", ":")
        for note in ("a.say", "undo: a.work", "activity t: a.work every 3s", "wait 10s"):
            assert note in plain


def test_questions_are_noted() -> None:
    """That a person is asked stands in the picture, by a state or beside the states; the message does not."""
    flow = flow_of(
        "a: {ask: {message: 'secret; words'}, transitions: {answered: b}}\n"
        "b: {activities: {builder: {ask: {message: words}}}}"
    )
    for picture in (diagram.mermaid(flow), diagram.dot(flow)):
        plain = picture.replace("#58;", ":")
        assert "asks a person" in plain
        assert "asks beside: builder" in plain
        assert "words" not in plain


def test_a_sub_flow_is_drawn_inside_its_state() -> None:
    """Its name is noted, its states are inside, and its final states are ends of it, not of the whole picture."""
    inner = written("b: {transitions: {stop: c}}\nc: {final: ok}", "b")
    flow = with_sub("a: {flow: inner.yaml, transitions: {ok: z}}\nz: {final: ok}", inner=inner)
    mermaid, dot = diagram.mermaid(flow), diagram.dot(flow)
    for picture in (mermaid, dot):
        assert "flow sample" in picture
    assert 'state "a" as s_a {' in mermaid
    assert "        [*] --> s_a_IN_b\n" in mermaid
    assert re.findall(r"^( +\w+) --> \[\*\]$", mermaid, re.M) == ["        s_a_IN_c", "    s_z"]
    assert dot.index('subgraph "cluster a"') < dot.index('"a/b" [label=')
