"""Flows as Graphviz text."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from diagram_samples import hostile, marked
from flow_samples import GO_LIVE, flow_of, with_sub, written

from retake_flow.flow.diagram.diagram import Diagram, RuleNotes, diagram
from retake_flow.flow.diagram.graphviz import dot
from retake_flow.flow.load.load import load_flow

GO = load_flow(GO_LIVE.read_text(encoding="utf-8"), "go-live.yaml")
END = "\nz: {final: completed}\nf: {final: failed}"
COMPOSITE = (
    "a: {initial: b, transitions: {x: z}, states: {b: {transitions: {x: c, y: a}}, c: {transitions: {x: z}}}}" + END
)


def line(text: str, begin: str) -> str:
    """The one line that begins so."""
    [found] = [line.strip() for line in text.splitlines() if line.strip().startswith(begin)]
    return found


def bare(text: str) -> str:
    """The text without its quoted parts and without its labels of markup."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', "Q", re.sub(r"label=<.*?>(?=[,;\]])", "label=M", text))


def test_every_state_and_every_arrow_is_drawn() -> None:
    """Each box once, as a node or as a frame; each arrow, and one to each state to begin with."""
    drawn = diagram(GO)
    text = dot(drawn)
    for box in drawn.all():
        begin = f'subgraph "cluster {box.path}" {{' if box.inside else f'"{box.path}" [label='
        assert len([line for line in text.splitlines() if line.strip().startswith(begin)]) == 1
    frames = [box for box in drawn.all() if box.inside]
    assert len(re.findall(r'^\s*"[^"]+" -> ', text, re.M)) == len(drawn.arrows) + len(frames) + 1


def test_arrows_of_composites_are_cut_off_at_their_frames() -> None:
    """From the last state inside and to the mark inside; one that comes from inside goes to the mark."""
    text = dot(diagram(flow_of("s: {transitions: {x: a}}\n" + COMPOSITE, "s")))
    assert line(text, '"s" -> ').startswith('"s" -> "a[*]" [lhead="cluster a", ')
    assert line(text, '"a/c" -> "z" [ltail').startswith('"a/c" -> "z" [ltail="cluster a", ')
    assert line(text, '"a/b" -> "a[*]"').startswith('"a/b" -> "a[*]" [label=')
    assert line(text, '"a[*]" -> "a/b"')
    assert line(text, '"[*]" -> "s"')


def test_arrows_of_a_composite_do_not_leave_from_its_history() -> None:
    """They begin below the last of its states."""
    states = "a: {initial: b, transitions: {x: z}, states: {b: {}, h: {history: deep}}}" + END
    assert line(dot(diagram(flow_of(states))), '"a/b" -> "z"')


def test_the_main_path_stands_out_and_failures_step_back() -> None:
    """The main way is a stronger line that pulls its states together; failures are dashed and pull nothing."""
    text = dot(diagram(flow_of("a: {transitions: {x: z, y: b, error: f}}\nb: {}" + END)))
    main, other, failure = (line(text, f'"a" -> "{target}"') for target in "zbf")
    assert "penwidth=1.4" in main
    assert "penwidth" not in other
    assert "style=dashed" in failure
    pulls = [int(found) for arrow in (main, other, failure) for found in re.findall(r"weight=(\d+)", arrow)]
    assert pulls == sorted(pulls, reverse=True)
    assert len(set(pulls)) == 3


def test_ends_and_questions_have_looks_of_their_own() -> None:
    """Completed is green, failed is red, each in a double frame; who asks has another shape."""
    text = dot(diagram(flow_of("a: {ask: {message: m}, transitions: {answered: z}}" + END)))
    assert "peripheries=2" in line(text, '"z" [')
    assert "#dafbe1" in line(text, '"z" [')
    assert "#ffebe9" in line(text, '"f" [')
    assert "shape=octagon" in line(text, '"a" [')


def test_a_sub_flow_is_a_dashed_frame_with_the_name_of_the_flow() -> None:
    """Behind the name of the state, on its line."""
    inner = written("b: {transitions: {stop: c}}\nc: {final: ok}", "b")
    text = dot(diagram(with_sub("a: {flow: inner.yaml, transitions: {ok: z}}\nz: {final: ok}", inner=inner)))
    assert re.search(r'<b>a</b></font> <font point-size="9" color="#\w+">flow sample</font><br align="left"/>>', text)
    assert 'style="rounded,filled,dashed"' in text
    assert text.index('subgraph "cluster a"') < text.index('"a/b" [label=')


def test_a_run_is_marked() -> None:
    """Its line stands above; where it is has a strong frame, where it never was is pale, its way is a strong line."""
    flow = flow_of("a: {transitions: {x: b, y: c}}\nb: {}\nc: {}")
    text = dot(marked(flow, "a", "b", a=3, b=1))
    assert "owl: &lt;running&gt;" in line(text, "label=<")
    assert "penwidth=2.5" in line(text, '"b" [')
    assert "<b>a ×3</b>" in line(text, '"a" [')
    assert "#a8b0ba" in line(text, '"c" [')
    assert "penwidth=2.5" in line(text, '"a" -> "b"')
    assert "penwidth" not in line(text, '"a" -> "c"')


def test_why_the_rules_are_there_is_a_note_beside() -> None:
    """Once, in a box of its own; without rules there is none."""
    flow = flow_of("a: {}" + END)
    text = dot(diagram(flow, ruled=RuleNotes({"first": "a < b"}, {"a": ("first",)})))
    assert "first: a &lt; b" in line(text, '"[rules]"')
    assert "rule first" in line(text, '"a" [')
    assert "[rules]" not in dot(diagram(flow))


def test_no_text_of_a_flow_breaks_out() -> None:
    """Quoted texts stay quoted and markup stays what it is: outside of them there are only Graphviz's own words."""
    text = dot(diagram(hostile()))
    rest = bare(text)
    assert '"' not in rest
    assert "script" not in rest
    assert rest.count("{") == rest.count("}") == 1
    for markup in re.findall(r"label=<(.*?)>(?=[,;\]])", text):
        tags = set(re.findall(r"</?(\w+)", markup))
        assert tags <= {"font", "b", "br"}
        assert "<script" not in markup


def test_the_text_is_the_same_each_time() -> None:
    """Nothing in it depends on when or where it was made."""
    assert dot(diagram(GO)) == dot(diagram(load_flow(GO_LIVE.read_text(encoding="utf-8"), "go-live.yaml")))


@pytest.mark.real
@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize(
    "drawn",
    [diagram(GO), diagram(GO, folded=True), diagram(hostile()), marked(GO, "check_guide", "credentials")],
    ids=["go-live", "folded", "hostile", "run"],
)
def test_graphviz_takes_it_and_shows_every_name(drawn: Diagram) -> None:
    """It complains of nothing, and every name and note is in the picture as it is."""
    done = subprocess.run(["dot", "-Tsvg"], input=dot(drawn), capture_output=True, text=True, check=True, timeout=180)
    assert "rror" not in done.stderr
    from xml.etree import ElementTree

    shown = {"".join(found.itertext()) for found in ElementTree.fromstring(done.stdout).iter() if "text" in found.tag}
    together = " ".join(" ".join(shown).split())
    for box in drawn.all():
        for said in (box.title, *(note.text for note in box.notes)):
            assert " ".join(said.split()) in together
    for said in (label for arrow in drawn.arrows for label in arrow.labels):
        assert " ".join(said.split()) in together
