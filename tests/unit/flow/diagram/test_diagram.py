"""A flow as boxes and arrows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flow_samples import GO_LIVE, flow_of, with_sub, written

from retake_flow.flow.diagram.diagram import Arrow, Box, Diagram, RuleNotes, Step, Style, Trace, diagram
from retake_flow.flow.diagram.labels import Note, Topic
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import ActionState, CompositeState, Flow

GO = load_flow(GO_LIVE.read_text(encoding="utf-8"), "go-live.yaml")
END = "\nz: {final: completed}\nf: {final: failed}"
INNER = written("b: {transitions: {x: c, y: d}}\nc: {final: ok}\nd: {final: failed}", "b")
OUTER = "a: {flow: inner.yaml, transitions: {failed: f, ok: z}}" + END


def box(drawn: Diagram, path: str) -> Box:
    """The box of a state."""
    return next(box for box in drawn.all() if box.path == path)


def arrow(drawn: Diagram, source: str, target: str) -> Arrow:
    """The one arrow between two states."""
    [found] = [arrow for arrow in drawn.arrows if (arrow.source, arrow.target) == (source, target)]
    return found


def texts(drawn: Diagram, path: str, *topics: Topic) -> list[str]:
    """The notes in a box on some topics."""
    return [note.text for note in box(drawn, path).notes if note.topic in topics]


def traced(flow: Flow, *way: str | Step, asked: frozenset[str] = frozenset(), **visits: int) -> Diagram:
    """The flow with a run that is where the way ends."""
    steps = tuple(step if isinstance(step, Step) else Step(step) for step in way)
    active = frozenset(state.path for state in flow.around(steps[-1].path))
    return diagram(flow, trace=Trace(active, visits, steps, asked, "owl: running"))


def test_every_state_is_a_box_inside_the_box_of_the_state_around() -> None:
    """None is missing, none is there twice, and frames say with which box they begin."""
    drawn = diagram(GO)
    assert [box.path for box in drawn.all()] == list(GO.states)
    for one in drawn.all():
        state = GO.states[one.path]
        inside = (state.children, state.initial) if isinstance(state, CompositeState) else ((), "")
        assert (tuple(box.path for box in one.inside), one.first) == inside


def test_every_route_is_an_arrow_or_a_line_in_its_box() -> None:
    """For each pair of a state and a target outside of it; what leads nowhere or inwards is a line."""
    drawn = diagram(GO)
    arrows = {(arrow.source, arrow.target) for arrow in drawn.arrows}
    assert len(arrows) == len(drawn.arrows)
    for state in GO.states.values():
        for routes in state.routes.values():
            for route in routes:
                lines = texts(drawn, state.path, Topic.STAYS, Topic.FAILS)
                if not route.to:
                    assert any(line.startswith(route.event) for line in lines)
                    continue
                name = GO.states[route.to].name
                assert (state.path, route.to) in arrows or any(
                    line.endswith((f"→ {name}", "→ again")) for line in lines
                )


def test_routes_to_one_target_share_an_arrow() -> None:
    """Several events that lead to one state are one arrow with their names."""
    drawn = diagram(flow_of("a: {transitions: {stop: z, x: {when: vars.n > 1, to: z}, error: f}}" + END))
    assert arrow(drawn, "a", "z").labels == ("stop, x [vars.n > 1]",)


@pytest.mark.parametrize(
    ("event", "quiet"),
    [
        ("error", True),
        ("error.input", True),
        ("p.exited", True),
        ("p.error", True),
        ("stop", False),
        ("timeout", False),
    ],
)
def test_arrows_of_failures_alone_are_quiet(event: str, quiet: bool) -> None:
    """One that something else can take too is as loud as others."""
    assert arrow(diagram(flow_of(f"a: {{transitions: {{{event}: z}}}}{END}")), "a", "z").quiet is quiet
    assert not arrow(diagram(flow_of(f"a: {{transitions: {{{event}: z, done: z}}}}{END}")), "a", "z").quiet


def test_the_first_way_on_is_the_main_one() -> None:
    """A timeout or a failure is not what a state is there for, and a way back is none on."""
    drawn = diagram(flow_of("a: {transitions: {timeout: f, error: f, x: b, y: z}}\nb: {transitions: {x: a}}" + END))
    assert [arrow.main for arrow in drawn.arrows] == [False, True, False, False]
    assert [arrow.onward for arrow in drawn.arrows] == [True, True, True, False]


def test_failures_of_many_states_to_one_end_are_lines_in_their_boxes() -> None:
    """So that they do not cover the picture; a few are drawn, and the end is never without an arrow."""

    def of(count: int, loud: str) -> Diagram:
        states = "".join(f"a{number}: {{transitions: {{error: f, x: {loud}}}}}\n" for number in range(count))
        return diagram(flow_of(states + END, "a0"))

    few, many = of(3, "f"), of(4, "z")
    assert all(texts(few, f"a{number}", Topic.FAILS) == [] for number in range(3))
    assert all(texts(many, f"a{number}", Topic.FAILS) == [] for number in range(4))
    states = "".join(f"a{number}: {{transitions: {{error: f, x: b}}}}\n" for number in range(4))
    mixed = diagram(flow_of(states + "b: {transitions: {x: f}}" + END, "a0"))
    assert all(texts(mixed, f"a{number}", Topic.FAILS) == ["error → f"] for number in range(4))
    assert [arrow.source for arrow in mixed.arrows if arrow.target == "f"] == ["b"]


@pytest.mark.parametrize(
    ("state", "look"),
    [
        ("{do: a.work}", Style.ACTION),
        ("{ask: {message: m}}", Style.ASKING),
        ("{wait: 1s}", Style.WAITING),
        ("{}", Style.RESTING),
        ("{initial: b, states: {b: {}}}", Style.FRAME),
        ("{final: completed}", Style.COMPLETED),
        ("{final: failed}", Style.FAILED),
        ("{final: expired}", Style.ENDED),
    ],
)
def test_kinds_of_states_look_different(state: str, look: Style) -> None:
    """Each kind has its look, and ends have one by how they end."""
    drawn = diagram(flow_of(f"a: {state}{END}"))
    assert box(drawn, "a").look is look
    assert look.final is state.startswith("{final")


def test_history_is_drawn_with_where_it_leads_the_first_time() -> None:
    """H for the state that was active last inside, H* for the innermost one."""
    states = "a: {initial: b, states: {b: {}, h: {history: shallow, initial: b}, d: {history: deep}}}" + END
    drawn = diagram(flow_of(states))
    assert [(box(drawn, path).name, box(drawn, path).look) for path in ("a/h", "a/d")] == [
        ("H", Style.HISTORY),
        ("H*", Style.HISTORY),
    ]
    assert arrow(drawn, "a/h", "a/b").labels == ("the first time",)


def test_transitions_that_leave_nothing_are_lines_in_the_box() -> None:
    """Without a target, into the state, and to the state itself; none of them is an arrow."""
    states = "a: {initial: b, transitions: {x: {set: {n: 1}}, y: a/b, stop: a}, states: {b: {}}}" + END
    drawn = diagram(flow_of(states))
    assert texts(drawn, "a", Topic.STAYS) == ["x, stays, set n", "y → b", "stop → again"]
    assert drawn.arrows == ()


def test_a_sub_flow_is_a_frame_or_folded_one_box() -> None:
    """Folded, nothing of the inside is there, and its arrows are the same."""
    flow = with_sub(OUTER, inner=INNER)
    drawn, folded = diagram(flow), diagram(flow, folded=True)
    assert [inside.path for inside in box(drawn, "a").inside] == ["a/b", "a/c", "a/d"]
    assert box(folded, "a").inside == ()
    assert [one.path for one in folded.all()] == ["a", "z", "f"]
    assert [(one.source, one.target) for one in folded.arrows] == [("a", "f"), ("a", "z")]
    assert box(folded, "a").notes == (Note(Topic.DOES, "flow sample"),)


def test_the_arrows_of_a_sub_flow_begin_below_one_of_its_ends() -> None:
    """Below that of its main way out, so that the main path goes through it."""
    assert {one.tail for one in diagram(with_sub(OUTER, inner=INNER)).arrows if one.source == "a"} == {"a/c"}
    assert {one.tail for one in diagram(with_sub(OUTER, inner=INNER), folded=True).arrows} == {""}


# --- a run ------------------------------------------------------------------------------------------------------

STATES = (
    "a: {transitions: {x: b, stop: z}}\nb: {initial: c, transitions: {stop: z}, states: {c: {transitions: {x: d}},"
    " d: {activities: {w: {ask: {message: m}}}, transitions: {timeout: z, stop: z, y: a, error: f}}}}" + END
)


def test_without_a_run_nothing_is_marked() -> None:
    """No box is active or counted, and no arrow taken."""
    drawn = diagram(flow_of(STATES))
    assert {(one.active, one.visits) for one in drawn.all()} == {(False, None)}
    assert not any(one.taken for one in drawn.arrows)
    assert drawn.said == ""


def test_a_run_marks_where_it_is_and_how_often_it_was_where() -> None:
    """The active states with those around, and counts; what it never entered has none."""
    drawn = traced(flow_of(STATES), "a", "b/c", a=2, b=1)
    assert [one.path for one in drawn.all() if one.active] == ["b", "b/c"]
    assert [(one.path, one.visits, one.title) for one in drawn.all()][:2] == [("a", 2, "a ×2"), ("b", 1, "b")]
    assert box(drawn, "f").visits == 0
    assert drawn.said == "owl: running"


def test_the_way_of_a_run_is_marked() -> None:
    """Along the arrows into and out of composites; others are not marked."""
    drawn = traced(flow_of(STATES), "a", "b/c", "b/d", "f", a=1)
    assert [(one.source, one.target) for one in drawn.arrows if one.taken] == [("a", "b"), ("b/c", "b/d"), ("b/d", "f")]


def test_of_several_arrows_the_one_for_what_happened_is_marked() -> None:
    """By the names of what happened before; the innermost one where nothing is known."""
    flow = flow_of(STATES.replace("timeout: z, stop: z", "timeout: z"))
    for happened, source in (("stop", "b"), ("timeout", "b/d"), ("other", "b/d"), ("", "b/d")):
        drawn = traced(flow, "b/d", Step("z", frozenset({happened})))
        assert [(one.source, one.target) for one in drawn.arrows if one.taken] == [(source, "z")]


def test_an_open_question_is_marked_where_it_is_asked() -> None:
    """Of a state, or of an activity by its name."""
    flow = flow_of(STATES)
    assert texts(traced(flow, "b/d", asked=frozenset({"b/d:w"})), "b/d", Topic.RUN) == ["w is asked now"]
    assert texts(traced(flow, "b/d", asked=frozenset({"b/d"})), "b/d", Topic.RUN) == ["asked now"]


def test_a_failure_that_a_run_took_is_an_arrow() -> None:
    """Also where the others to that end are lines in their boxes."""
    states = "".join(f"a{number}: {{transitions: {{error: f, x: b}}}}\n" for number in range(5))
    flow = flow_of(states + "b: {transitions: {x: f}}" + END, "a0")
    drawn = traced(flow, "a1", "f")
    assert [one.source for one in drawn.arrows if one.target == "f"] == ["a1", "b"]


# --- what is never in a picture -----------------------------------------------------------------------------------


def test_no_value_of_a_flow_is_in_its_picture() -> None:
    """Neither what inputs default to, nor what actions are given, nor messages, nor addresses of notices."""
    head = "notify: ['json://hidden:hidden@127.0.0.1/']\ninputs: {i: {type: string, default: hidden}}\n"
    states = (
        "a: {do: a.say, with: {text: hidden}, description: hidden, set: {n: hidden}, transitions: {done: b}}\n"
        "b: {ask: {message: hidden, decisions: {go: {k: {type: string, default: hidden}}}},"
        " transitions: {go: {to: z, set: {m: hidden}}}}\nz: {final: completed, reason: hidden}"
    )
    assert "hidden" not in repr(diagram(flow_of(states, head=head)))


def test_rules_stand_in_the_boxes_that_they_hold_over() -> None:
    """By their names; why they are there is told once."""
    ruled = RuleNotes({"first": "because so", "fresh": "each\ntime"}, {"b/c": ("first", "fresh")})
    drawn = diagram(flow_of(STATES), ruled=ruled)
    assert texts(drawn, "b/c", Topic.RULE) == ["rule first, fresh"]
    assert texts(drawn, "a", Topic.RULE) == []
    assert drawn.legend == ("first: because so", "fresh: each time")


def test_scenes_say_what_they_show() -> None:
    """Beside the rules, so that a picture tells what viewers see when."""
    head = "scenes: {desk: [work, logo], quiet: []}\n"
    shown = "{do: studio.log}"
    states = f"a: {{activities: {{work: {shown}, logo: {shown}}}, entry: {{scene: desk}}}}\nz: {{final: completed}}"
    assert diagram(flow_of(states, head=head)).legend == ("scene desk: work, logo", "scene quiet: nothing")


def test_texts_are_printed_on_one_line() -> None:
    """Whatever stands in a model, names and notes have no controls."""
    flow = flow_of(STATES)
    state = ActionState(path="a", parent="", position=flow.states["a"].position, do="a\x07b\nc")
    mean = replace(flow, name="x\ny\x1b", states={**flow.states, "a": state})
    drawn = diagram(mean)
    assert drawn.name == "x y "
    assert texts(drawn, "a", Topic.DOES) == ["a b c"]
