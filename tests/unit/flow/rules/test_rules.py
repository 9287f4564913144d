"""Rules: what each form says, on flows as small as can be."""

from __future__ import annotations

import pytest
from flow_samples import CATALOGUE, at, flow_of, with_sub

from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.model import Flow
from retake_flow.flow.rules.check import Breach, find_breaches, problem, render_path
from retake_flow.flow.rules.load import read

SPECS = {
    **CATALOGUE,
    **{
        spec.name: spec
        for spec in (
            ActionSpec("a.ask", "Asks.", result={"yes": {"type": "boolean"}}),
            ActionSpec("a.undo", "Takes back."),
            ActionSpec("a.tell", "Tells.", inputs={"kind": {"type": "string", "default": "plain"}}),
        )
    },
}


def rules(text: str, flow: Flow) -> list[Breach]:
    """The rules of a file with these lines that a flow breaks."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    found = read(f"rules: house\nevery_path:\n  it:\n    because: so it is\n{lines}", "house.rules.yaml", SPECS, flow)
    assert found.problems == ()
    return list(find_breaches(flow, SPECS, found.rules))


def path(text: str, states: str, head: str = "") -> str | None:
    """The path on which states break a rule; None when they do not."""
    found = rules(text, flow_of(states, head=head))
    return render_path(found[0].path) if found else None


# --- before … comes … ------------------------------------------------------------------------------------------

BEFORE = "before: a.say\ncomes: a.work"


@pytest.mark.parametrize(
    ("states", "answer"),
    [
        (
            "{a: {do: a.work, transitions: {done: b, error: z}}, "
            "b: {do: a.say, transitions: {done: z, error: z}}, z: {final: ok}}",
            None,
        ),
        (
            "{a: {do: a.work, transitions: {done: b, error: b}}, "
            "b: {do: a.say, transitions: {done: z, error: z}}, z: {final: ok}}",
            "a —error.unavailable→ b",
        ),
        (
            "{a: {do: a.say, transitions: {done: b, error: b}}, "
            "b: {do: a.work, transitions: {done: a, error: z}}, z: {final: ok}}",
            "a",
        ),
        (
            "{a: {initial: b, activities: {w: {do: a.say}}, "
            "states: {b: {do: a.work, transitions: {done: z, error: z}}}}, z: {final: ok}}",
            "a/b",
        ),
        ("{a: {wait: 1s, transitions: {done: z}}, z: {final: ok}}", None),
    ],
    ids=["kept", "after an error", "the wrong way round", "beside it", "not there"],
)
def test_something_has_to_be_done_before(states: str, answer: str | None) -> None:
    """An action must not begin, wherever, before another has ended well; where it is not done, nothing is said."""
    assert path(BEFORE, states) == answer


def test_a_guard_that_a_rule_names_has_to_have_held() -> None:
    """What a rule asks of a result is shown by a route's guard, by `until`, or by a later guard on the output."""
    rule = "before: a.say\ncomes: {done: a.ask, where: result.yes}"
    end = "s: {do: a.say, transitions: {done: z, error: z}}, z: {final: ok}"
    asked = "{a: {do: a.ask, transitions: {done: ROUTES, error: z}}, " + end + "}"
    assert path(rule, asked.replace("ROUTES", "s")) == "a —done→ s"
    assert path(rule, asked.replace("ROUTES", "[{when: result.yes, to: s}, {to: z}]")) is None
    assert path(rule, asked.replace("ROUTES", "[{when: not result.yes, to: z}, {to: s}]")) is None
    assert (
        path(rule, asked.replace("ROUTES", "[{when: not result.yes, to: s}, {to: z}]")) == "a —done [not result.yes]→ s"
    )
    assert path(rule, asked.replace("ROUTES", "[{when: result.yes or vars.x, to: s}, {to: z}]")) is not None
    polled = (
        "{a: {do: a.ask, poll: {every: 1s, until: result.yes, timeout: 9s}, "
        "transitions: {done: s, timeout: T, error: z}}, "
    )
    assert path(rule, polled.replace("T", "z") + end + "}") is None
    assert path(rule, polled.replace("T", "s") + end + "}") == "a —timeout→ s"
    later = "{a: {do: a.ask, transitions: {done: g, error: z}}, g: {always: [{when: outputs.a.yes, to: s}, {to: z}]}, "
    assert path(rule, later + end + "}") is None
    assert path(rule, later.replace("outputs.a.yes", "not outputs.a.yes") + end + "}") is not None


def test_it_may_have_to_have_happened_since() -> None:
    """With `since`, what has happened before that does not count any more."""
    rule = "before: a.say\ncomes: a.work\nsince: a.choose"
    states = """{
      a: {do: a.work, transitions: {done: b, error: z}},
      b: {do: a.choose, transitions: {left: s, right: a, error: z}},
      s: {do: a.say, transitions: {done: z, error: z}}, z: {final: ok}}"""
    assert path(rule, states) == "a —done→ b —left→ s"
    assert path("before: a.say\ncomes: a.work\nsince: s.program", states) is None


# --- before_each … fresh … -------------------------------------------------------------------------------------

FRESH = "before_each: s.program\nfresh: a.work"


@pytest.mark.parametrize(
    ("activity", "out", "answer"),
    [
        ("do: s.program", "a", None),
        ("do: s.program", "b", "a —done→ b —p.exited→ b"),
        ("do: s.program, retry: {max: 2}", "a", "a —done→ b —again→ b"),
    ],
)
def test_each_time_needs_something_fresh(activity: str, out: str, answer: str | None) -> None:
    """A service that begins a second time, by a transition or by its own `retry`, needs it a second time."""
    states = (
        f"{{a: {{do: a.work, transitions: {{done: b, error: z}}}}, "
        f"b: {{activities: {{p: {{{activity}}}}}, transitions: {{p.exited: {out}, error: z, stop: z}}}}, "
        f"z: {{final: ok}}}}"
    )
    assert path(FRESH, states) == answer


def test_what_an_activity_needs_begins_before_it() -> None:
    """Activities begin in the order of the file, each after what it needs."""
    states = """{a: {activities: {FIRST}, transitions: {stop: z, p.exited: z, error: z}}, z: {final: ok}}"""
    rule = "before: s.program\ncomes: {begins: a.work}"
    needy = "p: {do: s.program, needs: q}, q: {ask: {message: m, answer: {}}}, w: {do: a.work}"
    assert path(rule, states.replace("FIRST", "w: {do: a.work}, p: {do: s.program}")) is None
    assert path(rule, states.replace("FIRST", "p: {do: s.program}, w: {do: a.work}")) == "a"
    assert path(rule, states.replace("FIRST", needy)) == "a"


# --- between … and … nothing … ---------------------------------------------------------------------------------


def test_nothing_happens_between() -> None:
    """From one thing to another something must not happen; before and after it may."""
    rule = "between: a.work\nand: a.choose\nnothing: a.say"
    chain = (
        "{a: {do: FIRST, transitions: {done: b, error: z}}, "
        "b: {do: SECOND, transitions: {NEXT: c, error: z}}, "
        "c: {do: THIRD, transitions: {LAST: z, error: z}}, z: {final: ok}}"
    )

    def ordered(first: str, second: str, third: str) -> str | None:
        ends = {"a.choose": "left: {0}, right"}
        text = chain.replace("FIRST", first).replace("SECOND", second).replace("THIRD", third)
        text = text.replace("NEXT: c", ends.get(second, "done").replace("{0}", "c") + ": c")
        return path(rule, text.replace("LAST: z", ends.get(third, "done").replace("{0}", "z") + ": z"))

    assert ordered("a.say", "a.work", "a.choose") is None
    assert ordered("a.work", "a.choose", "a.say") is None
    assert ordered("a.work", "a.say", "a.choose") == "a —done→ b"


def test_what_is_taken_back_by_the_same_action_has_inputs_of_its_own() -> None:
    """An undo is told from what it undoes, also where one action does both."""
    inner = "a: {do: a.tell, with: {kind: loud}, undo: {do: a.tell, with: {kind: KIND}}}"
    states = f"{{a: {{initial: a, transitions: {{done: z, error: z}}, states: {{{inner}}}}}, z: {{final: ok}}}}"
    rule = "before: {begins: a.tell, with: {kind: quiet}}\ncomes: a.work"
    assert path(rule, states.replace("KIND", "quiet")) == "a/a —done→ z"
    assert path(rule, states.replace("KIND", "soft")) is None


def test_what_was_begun_last_is_taken_back_first() -> None:
    """Undos come newest first, whatever their states are called."""
    states = (
        "{s: {initial: FIRST, transitions: {error: z}, states: {"
        "FIRST: {do: a.work, undo: a.tell, transitions: {done: LAST}}, "
        "LAST: {do: a.say, undo: a.undo, transitions: {done: z}}}}, z: {final: ok}}"
    )
    rule = "before: {begins: a.undo}\ncomes: {begins: a.tell}"
    for first, last in (("b", "c"), ("c", "b")):
        flow = flow_of(states.replace("FIRST", first).replace("LAST", last), "s")
        (breach,) = rules(rule, flow)
        assert render_path(breach.path) == f"s/{first} —done→ s/{last} —done→ z"


def test_what_was_begun_is_taken_back_before_the_end() -> None:
    """The end of a run is something that can happen; undos come before it, in whatever way it ends."""
    rule = "between: a.work\nand: {begins: a.undo}\nnothing: {ends: run}"
    states = (
        "{a: {initial: b, transitions: {stop: z}, "
        "states: {b: {do: a.work, UNDO transitions: {done: c, error: z}}, "
        "c: {wait: 1s, transitions: {done: z}}}}, z: {final: ok}}"
    )
    assert path(rule, states.replace("UNDO", "undo: a.undo,")) is None
    assert path(rule, states.replace("UNDO", "")) == "a/b —error.unavailable→ z"
    assert path(rule, states.replace("UNDO", "").replace("transitions: {stop: z}, ", "")) == "a/b —error.unavailable→ z"
    assert (
        path(rule, "{a: {do: a.work, transitions: {done: b}}, b: {}, z: {final: ok}}")
        == "a —error.unavailable→ the end"
    )


def test_what_an_action_is_given_can_matter() -> None:
    """A rule can name inputs; a template may give anything, and what is not given is the default."""
    rule = "between: a.work\nand: a.choose\nnothing: {begins: a.tell, with: {kind: loud}}"
    states = (
        "{a: {do: a.work, transitions: {done: b, error: z}}, "
        "b: {do: a.tell, WITH transitions: {done: z, error: z}}, z: {final: ok}}"
    )
    assert path(rule, states.replace("WITH", "with: {kind: loud},")) == "a —done→ b"
    assert path(rule, states.replace("WITH", "with: {kind: '{{ vars.x }}'},")) == "a —done→ b"
    assert path(rule, states.replace("WITH", "with: {kind: quiet},")) is None
    listed = rule.replace("kind: loud", "kind: [loud]")
    assert path(listed, states.replace("WITH", "with: {kind: ['{{ vars.x }}']},")) == "a —done→ b"
    assert path(listed, states.replace("WITH", "with: {kind: [quiet]},")) is None
    assert path(rule, states.replace("WITH", "")) is None


# --- while … also … --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "answer"),
    [
        ("{activities: {w: {do: a.work, every: 3s}}, transitions: {stop: z}}", None),
        ("{activities: {w: {do: a.work}}, transitions: {stop: z}}", "a/b"),
        ("{transitions: {stop: z}}", "a/b"),
        ("{wait: 30s, transitions: {done: z}}", "a/b"),
        ("{wait: 5s, transitions: {done: z}}", None),
        ("{timeout: 5s, transitions: {timeout: z}}", None),
        ("{wait: '{{ vars.x }}', transitions: {done: z}}", "a/b"),
        ("{ask: {message: m, answer: {}}, transitions: {answered: z}}", "a/b"),
        ("{do: a.say, transitions: {done: z, error: z}}", None),
        ("{do: a.say, transitions: {done: {set: {x: 1}}, error: z}}", "a/b"),
    ],
)
def test_something_goes_on_as_long_as_something_else_does(inside: str, answer: str | None) -> None:
    """While a service runs and the run only waits, a task is repeated; a moment without it is no matter."""
    states = (
        f"{{a: {{initial: b, activities: {{p: {{do: s.program}}}}, "
        f"transitions: {{p.exited: z, error: z}}, states: {{b: {inside}}}}}, z: {{final: ok}}}}"
    )
    assert path("while: {runs: s.program, rests: 10s}\nalso: a.work", states) == answer


# --- states, events, sub-flows ---------------------------------------------------------------------------------


def test_states_and_events_can_be_named() -> None:
    """A bare name is a state; it is entered after an answer was given there, and in no other way."""
    rule = "before: air\ncomes: {takes: allow, while: a}"
    states = (
        "{a: {ask: {message: m, decisions: {allow: , refuse: }}, "
        "transitions: {allow: air, refuse: REFUSED}}, air: {transitions: {stop: z}}, "
        "z: {final: ok}}"
    )
    assert path(rule, states.replace("REFUSED", "z")) is None
    assert path(rule, states.replace("REFUSED", "air")) == "a —refuse→ air"
    assert (
        path("between: {leaves: a}\nand: {ends: run}\nnothing: {enters: z}", states.replace("REFUSED", "z")) is not None
    )


def test_what_a_sub_flow_does_counts() -> None:
    """A sub-flow is part of the flow: what it proves is proven."""
    sub = (
        "flow: sub\ninitial: s\nstates: {s: {do: a.ask, poll: {every: 1s, until: result.yes}, "
        "transitions: {done: e, error: f}}, e: {final: over}, f: {final: failed}}\n"
    )
    states = (
        "{a: {flow: sub.yaml, transitions: {over: b, failed: FAILED}}, "
        "b: {do: a.say, transitions: {done: z, error: z}}, z: {final: ok}}"
    )
    rule = "before: a.say\ncomes: {done: a.ask, where: result.yes}"
    assert rules(rule, with_sub(states.replace("FAILED", "z"), sub=sub)) == []
    (breach,) = rules(rule, with_sub(states.replace("FAILED", "b"), sub=sub))
    assert render_path(breach.path) == "a/s —error.input→ a/f —failed→ b"


def test_history_and_what_happens_at_once_are_followed() -> None:
    """Eventless transitions pass a state without beginning what it does; raised events come before it begins, too."""
    rule = "before: a.say\ncomes: a.work"
    states = "{a: {do: a.say, always: ROUTE, transitions: {done: z, error: z, own: z}, ENTRY}, z: {final: ok}}"
    assert path(rule, states.replace("ROUTE", "z").replace(", ENTRY", "")) is None
    assert path(rule, states.replace("ROUTE", "{when: vars.x, to: z}").replace(", ENTRY", "")) == "a"
    assert path(rule, states.replace("always: ROUTE, ", "").replace("ENTRY", "entry: {raise: own}")) == "a"


def test_a_rule_may_be_about_one_kind_of_error() -> None:
    """An outcome or an event that a rule names is told from others that go the same way; `error` means any kind."""
    states = (
        "{a: {do: a.work, transitions: {done: z, error: s}}, "
        "s: {do: a.say, transitions: {done: z, error: z}}, z: {final: ok}}"
    )
    for kind in ("unauthorized", "unavailable", "interrupted"):
        rule = f"between: {{ends: a.work, outcome: error.{kind}}}\nand: {{ends: run}}\nnothing: a.say"
        assert path(rule, states) == f"a —error.{kind}→ s"
        assert (
            path((f"between: {{takes: error.{kind}}}\nand: {{ends: run}}\nnothing: a.say"), states)
            == f"a —error.{kind}→ s"
        )
    assert path("between: {takes: error}\nand: {ends: run}\nnothing: a.say", states) == "a —error.unavailable→ s"
    assert path("between: {takes: done}\nand: {ends: run}\nnothing: a.say", states) is None


# --- how it is said --------------------------------------------------------------------------------------------


def test_a_broken_rule_is_told_where_it_breaks() -> None:
    """The place is the state or the activity; the message is the rule and its reason, the hint the path."""
    flow = flow_of("""
a: {do: a.work, transitions: {done: b, error: b}}
b:
  activities:
    p: {do: s.program, retry: {max: 1}}
  transitions: {stop: z, error: z, p.exited: z}
z: {final: ok}
""")
    (breach,) = rules(FRESH + "\n", flow)
    told = problem(breach)
    assert (told.code, at(told)) == ("RF070", (7, 7))
    assert told.message == "breaks the rule it of house: so it is"
    assert told.hint == "s.program begins on this path: a —error.unavailable→ b"
    assert told.path[-1] == {
        "event": "error.unavailable", "from": "a", "refused": [], "when": None, "left": ["a"], "entered": ["b"]
    }  # fmt: skip


def test_the_path_is_the_shortest() -> None:
    """Of all paths that break a rule the one with the fewest moves is shown."""
    states = """{
      a: {wait: 1s, transitions: {done: [{when: vars.x, to: b}, {when: vars.y, to: s}, {to: c}]}},
      b: {wait: 1s, transitions: {done: s}}, c: {always: s},
      s: {do: a.say, transitions: {done: z, error: z}}, z: {final: ok}}"""
    assert path(BEFORE, states) == "a —done [not vars.x and vars.y]→ s"
