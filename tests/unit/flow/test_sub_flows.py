"""Flows that run inside others: found, read, checked, each with names of its own."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest
from flow_samples import CATALOGUE, at, problems_with_sub, shelf, with_sub, written

from retake_flow.errors import StoreError
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Problem
from retake_flow.flow.graph.exit_entry_sets import reachable_from
from retake_flow.flow.load.load import DEEPEST, MOST_STATES, load, load_flow, load_stored
from retake_flow.flow.model import SubFlowState
from retake_flow.flow.text.bundle import Sources
from retake_flow.flow.text.locate import shipped_flows

END = "\nz: {final: ok}"
RUNS = "a: {flow: inner.yaml, transitions: {ok: z}}" + END
#: A sub-flow without mistakes.
INNER = written("b: {do: a.work, transitions: {done: c, error: d}}\nc: {final: ok}\nd: {final: ok}", "b")


def said(found: list[Problem]) -> list[tuple[str, str]]:
    """The code and the file of each problem."""
    return [(problem.code, problem.position.file) for problem in found]


# --- found ----------------------------------------------------------------------------------------------------


def put(folder: Path, **texts: str) -> str:
    """Put flows into a folder; gives the path of `outer`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return str(folder / "outer.yaml")


def test_a_sub_flow_is_sought_beside_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the file counts, from wherever it is read, also for a sub-flow's own sub-flow in another folder."""
    middle = written("m: {flow: leaf.yaml, transitions: {ok: z}}" + END, "m")
    put(tmp_path / "sub", middle=middle, leaf=INNER)
    outer = put(tmp_path, outer=written("a: {flow: sub/middle.yaml, transitions: {ok: z}}" + END))
    monkeypatch.chdir("/")
    flow = load_flow(Path(outer).read_text(encoding="utf-8"), outer)
    assert list(flow.states) == ["a", "a/m", "a/m/b", "a/m/c", "a/m/d", "a/z", "z"]
    assert flow.states["a/m/b"].position.file == str(tmp_path / "sub" / "leaf.yaml")


def test_a_sub_flow_beside_the_file_goes_before_a_shipped_one(tmp_path: Path) -> None:
    """Someone's own verify.yaml is the one that their flow runs; without it, the shipped one is found."""
    states = "a: {flow: verify.yaml, transitions: {%s}}" + END
    outer = put(tmp_path, outer=written(states % "ok: z"), verify=INNER)
    own = load_flow(Path(outer).read_text(encoding="utf-8"), outer)
    assert own.states["a/b"].position.file == str(tmp_path / "verify.yaml")
    (tmp_path / "verify.yaml").unlink()
    other = load_flow(written(states % "verified: z"), outer)
    assert other.states["a/post"].position.file == str(shipped_flows()["verify.yaml"])


def test_a_sub_flow_that_is_not_there_is_one_mistake(tmp_path: Path) -> None:
    """An unknown flow, a folder and one that cannot be read are told at the name; routes are not accused for it."""
    (tmp_path / "folder").mkdir()
    for name in ("nowhere.yaml", "folder"):
        text = written(f"a: {{flow: {name}, transitions: {{finished: z}}}}{END}")
        [problem] = check(load(text, str(tmp_path / "outer.yaml")), CATALOGUE)
        assert (problem.code, at(problem)) == ("RF021", (4, 13))
        assert name in problem.message

    def unreadable(name: str, file: str) -> tuple[str, bytes]:
        raise PermissionError(13, "Permission denied")

    [problem] = load(written(RUNS), "outer.yaml", find=unreadable).problems
    assert (problem.code, problem.message) == ("RF021", "inner.yaml cannot be read: Permission denied")


def test_a_mistyped_name_is_mended(tmp_path: Path) -> None:
    """A name near to that of a shipped flow has a hint."""
    [problem] = load(written("a: {flow: verfy.yaml}"), str(tmp_path / "f.yaml")).problems
    assert (problem.code, problem.hint) == ("RF021", "did you mean 'verify.yaml'?")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: [", b"", b"- x", b"x" * 3_000_000])
def test_a_sub_flow_that_is_no_flow_is_told_in_its_file(content: bytes) -> None:
    """What is no text, no YAML, nothing, no mapping or too much is a problem of the sub-flow's file."""
    found = load(written(RUNS), "outer.yaml", find=lambda name, file: ("inner.yaml", content))
    assert found.problems
    assert {problem.position.file for problem in found.problems} == {"inner.yaml"}


# --- inside itself, too deep, too many ------------------------------------------------------------------------


def test_a_flow_does_not_run_inside_itself() -> None:
    """Directly or through another, the way round is told, at the name that would close the circle."""
    text = written("a: {flow: outer.yaml, transitions: {ok: z}}" + END)
    [problem] = load(text, "outer.yaml", find=shelf(outer=text)).problems
    assert (problem.code, at(problem)) == ("RF021", (4, 13))
    assert problem.message == "outer.yaml would run inside itself: outer.yaml → outer.yaml"
    inner = written("b: {flow: outer.yaml, transitions: {ok: z}}" + END, "b")
    [problem] = load(written(RUNS), "outer.yaml", find=shelf(inner=inner, outer=written(RUNS))).problems
    assert (problem.position.file, problem.code) == ("inner.yaml", "RF021")
    assert problem.message.endswith("outer.yaml → inner.yaml → outer.yaml")


def test_flows_run_inside_each_other_to_a_certain_depth() -> None:
    """As many as allowed are read; one more is refused."""

    def chain(length: int) -> list[Problem]:
        names = [f"f{number}" for number in range(1, length + 1)]
        inner = "a: {flow: f%d.yaml, transitions: {ok: z}}" + END
        texts = {name: written(inner % (number + 2)) for number, name in enumerate(names)}
        return list(load(written(inner % 1), "f0.yaml", find=shelf(**{**texts, names[-1]: INNER})).problems)

    assert chain(DEEPEST) == []
    [problem] = chain(DEEPEST + 1)
    assert (problem.code, problem.position.file) == ("RF021", f"f{DEEPEST}.yaml")


def test_sub_flows_have_so_many_states_together_and_no_more() -> None:
    """A few small files that name each other often are refused soon, not read without end."""
    texts = {
        f"f{depth}": written(
            "".join(f"s{number}: {{flow: f{depth + 1}.yaml, transitions: {{ok: z}}}}\n" for number in range(9)) + END,
            "s0",
        )
        for depth in range(DEEPEST)
    }
    began = process_time()
    found = load(texts["f0"], "f0.yaml", find=shelf(**texts, **{f"f{DEEPEST}": INNER}))
    assert process_time() - began < 20
    assert {problem.message for problem in found.problems} == {
        f"the sub-flows have more than {MOST_STATES} states together"
    }
    assert found.flow is not None
    assert len(found.flow.states) < 2 * MOST_STATES


def test_a_bad_sub_flow_says_so_once_however_often_it_is_used() -> None:
    """Its mistakes are found once, at once; the routes of all states that use it are left alone."""
    bad = written("\n".join(f"s{number}: {{do: a.work, tries: 3}}" for number in range(150)), "s0")
    many = "\n".join(f"s{number}: {{flow: inner.yaml, transitions: {{over: z}}}}" for number in range(40))
    began = process_time()
    found = load(written(many + END, "s0"), "outer.yaml", find=shelf(inner=bad))
    assert process_time() - began < 20
    assert len(found.problems) == 150
    assert {problem.code for problem in found.problems} == {"RF010"}
    assert found.damaged >= {f"s{number}" for number in range(40)}
    assert {problem.position.file for problem in check(found, CATALOGUE)} == {"inner.yaml"}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: [", b"", b"- x"])
def test_a_sub_flow_that_is_no_flow_is_told_once(content: bytes) -> None:
    """What is no text, no YAML or nothing is one problem, though two states, or two files, use it."""
    outer = written("a: {flow: inner.yaml}\nb: {flow: inner.yaml}\nc: {flow: middle.yaml}")
    middle = written("m: {flow: inner.yaml}", "m").encode()

    def find(name: str, file: str) -> tuple[str, bytes]:
        return name, middle if name == "middle.yaml" else content

    found = [problem.position.file for problem in load(outer, "outer.yaml", find=find).problems]
    assert found.count("inner.yaml") == len(load(written(RUNS), "outer.yaml", find=find).problems)
    assert set(found) == {"inner.yaml"}


def test_sub_flows_that_are_no_flows_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that could not be read counts as a state towards the most there may be, so their number is bounded."""
    monkeypatch.setattr("retake_flow.flow.load.load.MOST_STATES", 5)
    read: list[str] = []

    def find(name: str, file: str) -> tuple[str, bytes]:
        read.append(name)
        return name, b"a: ["

    states = "\n".join(f"s{number}: {{flow: f{number}.yaml}}" for number in range(9))
    found = load(written(states, "s0"), "outer.yaml", find=find).problems
    assert [problem.code for problem in found].count("RF001") == 6
    assert [problem.code for problem in found].count("RF021") == 1  # which is told once, however many are left out


def test_a_file_is_the_same_in_all_its_uses() -> None:
    """It is sought once for each file that names it, so one that changes meanwhile is not half old and half new."""
    contents = iter([INNER.encode()])
    states = "a: {flow: inner.yaml, transitions: {ok: b}}\nb: {flow: inner.yaml, transitions: {ok: z}}" + END
    flow = load_flow(written(states), "outer.yaml", lambda name, file: (name, next(contents)))
    assert [path for path in flow.states if path.endswith("/b")] == ["a/b", "b/b"]


def test_a_second_use_of_a_file_is_as_if_it_were_the_first() -> None:
    """Building a sub-flow leaves what was read as it was."""
    text = shipped_flows()["verify.yaml"].read_text(encoding="utf-8")
    states = "{}: {{flow: inner.yaml, transitions: {{verified: {}, declined: z, expired: z, failed: z}}}}"
    last = states.format("b", "z") + END
    twice, alone = with_sub(states.format("a", "b") + "\n" + last, inner=text), with_sub(last, "b", inner=text)
    inside = [path for path in alone.states if path.startswith("b/")]
    assert inside
    assert [repr(twice.states[path]) for path in inside] == [repr(alone.states[path]) for path in inside]


def test_a_flow_may_run_in_several_states() -> None:
    """The same file twice, one after the other or one within a composite, is two sub-flows."""
    flow = with_sub(
        "a: {flow: inner.yaml, transitions: {ok: b}}\n"
        "b: {initial: c, states: {c: {flow: inner.yaml, transitions: {ok: z}}}}" + END,
        inner=INNER,
    )
    assert [state.root for state in flow.states.values() if state.name == "d"] == ["a", "b/c"]
    assert [route.to for routes in flow.states["b/c/b"].routes.values() for route in routes] == ["b/c/c", "b/c/d"]


# --- what it is -------------------------------------------------------------------------------------------------


def test_a_sub_flow_is_a_composite_with_an_initial_state_and_outcomes() -> None:
    """Its states are inside the state it runs in, and its final states are what that one can end with."""
    inner = written("b: {do: a.choose, transitions: {left: y, right: f}}\ny: {final: ok}\nf: {final: failed}", "b")
    flow = with_sub("a: {flow: inner.yaml, transitions: {ok: z, failed: z}}" + END, inner=inner)
    state = flow.states["a"]
    assert (state.kind, state.initial, state.children) == ("flow", "a/b", ("a/b", "a/y", "a/f"))
    assert isinstance(state, SubFlowState)
    assert (state.sub.name, state.sub.outcomes) == ("sample", ("ok", "failed"))
    assert [inside.path for inside in flow.of("a")] == ["a/b", "a/y", "a/f"]
    assert [outside.path for outside in flow.of("")] == ["a", "z"]
    assert check(load(written("a: {flow: i, transitions: {ok: z, failed: z}}" + END), "f", find=shelf(i=inner)),
                 CATALOGUE) == ()  # fmt: skip


def test_an_outcome_of_a_sub_flow_has_to_be_routed() -> None:
    """A final state of a sub-flow leads nowhere by itself: the state it runs in says where."""
    inner = written("b: {do: a.choose, transitions: {left: y, right: f}}\ny: {final: ok}\nf: {final: failed}", "b")
    [problem] = problems_with_sub(RUNS, inner=inner)
    assert (problem.code, at(problem)) == ("RF050", (4, 3))
    assert "'failed'" in problem.message
    around = "o: {initial: a, transitions: {failed: z}, states: {a: {flow: inner.yaml, transitions: {ok: z}}}}" + END
    assert problems_with_sub(around, "o", inner=inner) == []


def test_an_event_that_a_sub_flow_does_not_end_with_cannot_be_routed() -> None:
    """A route of the state around for an outcome that its flow does not have is a mistake, with a hint."""
    [problem] = problems_with_sub("a: {flow: inner.yaml, transitions: {ok: z, okk: z}}" + END, inner=INNER)
    assert (problem.code, problem.hint) == ("RF051", "did you mean 'ok'?")


def test_a_final_state_inside_is_no_end_of_the_run() -> None:
    """A flow whose only final states are those of its sub-flow never ends."""
    found = problems_with_sub("a: {flow: inner.yaml, transitions: {ok: a}}", inner=INNER)
    assert [problem.code for problem in found] == ["RF061"]


def test_states_that_nothing_leads_to_are_named_in_a_sub_flow_too() -> None:
    """An unreachable state of a sub-flow is a mistake in its file; targets lead to no state outside."""
    inner = written("b: {do: a.work, transitions: {done: c, error: c}}\nc: {final: ok}\nlost: {final: ok}", "b")
    assert said(problems_with_sub(RUNS, inner=inner)) == [("RF060", "inner.yaml")]
    outwards = written("b: {do: a.work, transitions: {done: z, error: c}}\nc: {final: ok}", "b")
    assert said(problems_with_sub(RUNS, inner=outwards)) == [("RF020", "inner.yaml")]
    inwards = "a: {flow: inner.yaml, transitions: {ok: a/b}}" + END
    assert said(problems_with_sub(inwards, inner=INNER)) == [("RF020", "flow.yaml")]


def test_problems_point_into_the_file_they_are_in() -> None:
    """Mistakes of form, of names and of actions have the file, line and column of where they are written, once each."""
    inner = written("b: {do: a.wrok, dod: 1, transitions: {done: nowhere}}\nc: {final: ok}", "b")
    found = problems_with_sub(
        "a: {flow: inner.yaml, transitions: {ok: x}}\nx: {flow: inner.yaml, transitions: {ok: z}}" + END, inner=inner
    )
    assert {(problem.code, problem.position.file, at(problem)) for problem in found} == {
        ("RF010", "inner.yaml", (4, 19)),
        ("RF020", "inner.yaml", (4, 47)),
        ("RF040", "inner.yaml", (4, 3)),
    }
    assert len(found) == 3


def test_reaching_goes_through_sub_flows() -> None:
    """What can be reached from inside a sub-flow is what its own routes and those around it lead to."""
    flow = with_sub("a: {flow: inner.yaml, transitions: {ok: b}}\nb: {do: a.work, transitions: {done: z}}" + END,
                    inner=INNER)  # fmt: skip
    assert reachable_from(flow, flow.initial) == set(flow.states)
    assert reachable_from(flow, "a/c") == {"a", "a/c", "b", "z"}


# --- names of its own ---------------------------------------------------------------------------------------------


def named(expression: str, head: str = "") -> str:
    """A sub-flow that uses an expression."""
    state = f"b: {{do: a.say, with: {{text: '{{{{ {expression} }}}}'}}, transitions: {{done: c}}}}"
    return written(f"{state}\nc: {{final: ok}}", "b", head)


@pytest.mark.parametrize("name", ["outputs.before", "visits.before", "vars.outer", "inputs.outer", "activities.p"])
def test_a_sub_flow_does_not_see_what_is_outside(name: str) -> None:
    """States, variables, inputs and activities of the flow around are unknown names in a sub-flow."""
    states = (
        "before: {do: a.work, transitions: {done: {to: a, set: {outer: 1}}}}\n"
        "a: {flow: inner.yaml, activities: {p: {do: s.program}}, transitions: {ok: z, p.exited: z}}" + END
    )
    found = problems_with_sub(states, "before", "inputs: {outer: {type: string}}\n", inner=named(name))
    assert said(found) == [("RF031", "inner.yaml")]


@pytest.mark.parametrize("name", ["outputs.b", "visits.b", "vars.inside", "inputs.inside", "activities.p"])
def test_what_is_inside_a_sub_flow_is_not_seen_from_outside(name: str) -> None:
    """Nor does the flow around see what its sub-flow has for itself, also where it gives inputs and sets variables."""
    inner = written(
        "b: {do: a.work, activities: {p: {do: s.program}}, set: {inside: 1}, "
        "transitions: {done: c, error: c, p.exited: c}}\nc: {final: ok}",
        "b",
        "inputs: {inside: {type: string, default: x}}\n",
    )
    good = "a: {flow: inner.yaml, with: {inside: y}, transitions: {ok: {to: z, set: {x: '{{ outputs.a }}'}}}}" + END
    assert problems_with_sub(good, inner=inner) == []
    for states in (good.replace("outputs.a", name), good.replace("inside: y", f"inside: '{{{{ {name} }}}}'")):
        assert said(problems_with_sub(states, inner=inner)) == [("RF031", "flow.yaml")]


def test_a_sub_flow_sees_its_own() -> None:
    """Its inputs, variables, states and activities are its names, also where the flow around has the same ones."""
    inner = written(
        "a: {do: a.say, set: {v: 1}, with: {text: "
        "'{{ [inputs.i, vars.v, outputs.a|default(0), visits.a, activities.p|default(0)]|tojson }}'}, "
        "activities: {p: {do: s.program}}, transitions: {done: c, p.exited: c}}\nc: {final: ok}",
        head="inputs: {i: {type: string}}\n",
    )
    states = "a: {flow: inner.yaml, with: {i: x}, set: {v: 2}, transitions: {ok: z}}" + END
    assert problems_with_sub(states, head="inputs: {i: {type: integer, default: 1}}\n", inner=inner) == []


def test_the_same_name_inside_and_outside_is_not_shared() -> None:
    """Only states of the same flow that share a name are mixed up."""
    inner = written("a: {do: a.work, transitions: {done: [{when: visits.a < 3, to: a}, {to: c}]}}\nc: {final: ok}")
    states = "a: {flow: inner.yaml, transitions: {ok: [{when: visits.a < 3, to: a}, {to: z}]}}" + END
    assert problems_with_sub(states, inner=inner) == []


# --- inputs -------------------------------------------------------------------------------------------------------

TAKING = "inputs: {who: {type: string}, n: {type: integer, default: 3}, m: {type: string, optional: true}}\n"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("{who: x}", []),
        ("{who: '{{ vars.w }}', n: '{{ vars.w }}'}", []),
        ("{who: x, n: 4, m: y}", []),
        ("{}", [("RF042", "the flow 'sample' needs the input 'who'")]),
        ("{who: x, hwo: y}", [("RF041", "the flow 'sample' has no input 'hwo'")]),
        ("{who: 3}", [("RF043", "the input 'who' of 'sample' does not fit: 3 is not of type 'string'")]),
        ("{who: x, n: many}", [("RF043", "the input 'n' of 'sample' does not fit: 'many' is not of type 'integer'")]),
    ],
)
def test_the_inputs_of_a_sub_flow_are_checked(given: str, wanted: list[tuple[str, str]]) -> None:
    """Unknown, missing and unfit ones are told at the state that gives them; expressions are taken on trust."""
    inner = named("inputs.who", TAKING)
    states = f"a: {{flow: inner.yaml, with: {given}, set: {{w: 1}}, transitions: {{ok: z}}}}{END}"
    found = problems_with_sub(states, inner=inner)
    assert [(problem.code, problem.message) for problem in found] == wanted
    assert {(problem.position.file, at(problem)) for problem in found} <= {("flow.yaml", (4, 3))}


def test_the_inputs_that_a_sub_flow_declares_are_checked_as_inputs_are() -> None:
    """A default that does not fit is a mistake in the sub-flow's file too."""
    inner = written(
        "b: {do: a.work, transitions: {done: c}}\nc: {final: ok}", "b", "inputs: {n: {type: integer, default: x}}\n"
    )
    assert said(problems_with_sub(RUNS, inner=inner)) == [("RF044", "inner.yaml")]


# --- activities around --------------------------------------------------------------------------------------------


def test_what_a_sub_flow_does_needs_activities_of_its_own() -> None:
    """`needs` does not reach out of a sub-flow, in states or activities: the same file may run anywhere."""
    inner = written(
        "b: {do: a.work, needs: p, activities: {q: {do: s.program, needs: p}}, transitions: {done: c, q.exited: c}}\n"
        "c: {final: ok}",
        "b",
    )
    states = "o: {initial: a, activities: {p: {do: s.program}}, transitions: {p.exited: z}, states: {%s}}" + END
    state = "a: {flow: inner.yaml, transitions: {ok: z}}"
    for found in (problems_with_sub(states % state, "o", inner=inner), problems_with_sub(RUNS, inner=inner)):
        assert [(problem.code, problem.position.file) for problem in found] == [("RF032", "inner.yaml")] * 2
    inner = inner.replace("activities: {", "activities: {p: {do: s.program}, ").replace(
        "q.exited", "p.exited: c, q.exited"
    )
    assert problems_with_sub(states % state, "o", inner=inner) == []


@pytest.mark.parametrize("name", ["stop", "error", "timeout"])
def test_an_end_of_a_sub_flow_is_not_called_like_an_event_of_its_state(name: str) -> None:
    """Routes could not tell them apart: it is refused at the state that uses it; alone the flow may end so."""
    inner = written(f"b: {{do: a.work, transitions: {{done: c}}}}\nc: {{final: {name}}}", "b")
    [problem] = problems_with_sub(f"a: {{flow: inner.yaml, transitions: {{{name}: z}}}}" + END, inner=inner)
    assert (problem.code, problem.position.file, at(problem)) == ("RF046", "flow.yaml", (4, 3))
    assert f"ends it with {name!r}" in problem.message
    assert check(load(inner, "inner.yaml"), CATALOGUE) == ()


# --- stored -------------------------------------------------------------------------------------------------------


def test_a_stored_flow_is_read_without_its_files() -> None:
    """What a run began with comes from its sources alone, with the same states, positions and digest."""
    flow = with_sub(RUNS, inner=INNER)
    again = load_stored(flow.sources)
    assert (again.states.keys(), again.digest, again.file) == (flow.states.keys(), flow.digest, flow.file)
    assert again.states["a/b"].position == flow.states["a/b"].position


@pytest.mark.parametrize(
    "text",
    [
        "flow: x\nstates: {a: {final: ok}}",
        "flow: x\ninitial: a",
        "- x",
        "x",
        written("a: {do: a.work, retry: {interval: 1s}}"),
        written("a: {do: a.work, retry: {max: 1, rate: fast}}"),
        written("a: {do: a.work, transitions: [done]}"),
        written("a: {ask: who}"),
        written("a: {flow: gone.yaml, transitions: {ok: z}}" + END),
    ],
)
def test_a_stored_flow_of_an_older_program_is_told_as_one(text: str) -> None:
    """What this program's language has no place for, or whose sub-flow is not kept, is a store it cannot read."""
    with pytest.raises(StoreError, match="cannot read the flow of this run") as raised:
        load_stored(Sources("f", {"f": text}))
    assert "--upgrade" in raised.value.hint


def test_a_change_in_a_sub_flow_is_another_flow() -> None:
    """The digest is of all texts."""
    assert with_sub(RUNS, inner=INNER).digest != with_sub(RUNS, inner=INNER + "# more\n").digest
    assert with_sub(RUNS, inner=INNER).digest == with_sub(RUNS, inner=INNER).digest


def test_what_a_sub_flow_takes_from_outside_can_be_sent_to_the_flow_around() -> None:
    """Its declared events are events of the whole; what the flow around says of one of that name counts."""
    inner = (
        "flow: inner\ninitial: a\nevents: {turn: {to: {type: string}}, tick: {n: {type: integer}}}\n"
        "states:\n  a: {transitions: {turn: {when: event.to != '', to: b}, tick: b}}\n  b: {final: over}\n"
    )
    outer = (
        "flow: outer\ninitial: s\nevents: {tick: {n: {type: number}}}\n"
        "states:\n  s: {flow: inner, transitions: {over: z}}\n  z: {final: over}\n"
    )
    found = load(outer, "outer.yaml", find=shelf(inner=inner))
    assert found.flow is not None
    assert check(found, CATALOGUE) == ()
    assert found.flow.events == {"turn": {"to": {"type": "string"}}, "tick": {"n": {"type": "number"}}}
