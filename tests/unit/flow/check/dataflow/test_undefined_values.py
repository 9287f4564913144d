"""What is there where an expression is evaluated: what is missing is told, and what is not missing is not."""

from __future__ import annotations

import pytest
from flow_samples import shelf

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.load.load import load

END = "  z: {final: ok%s}\n"
LOOK = "do: retake.stream_status"


def found(states: str, reason: str = "", head: str = "", **subs: str) -> list[str]:
    """The problems of a flow with this reason in its final state, but not that it may go round for ever."""
    said = f", reason: '{{{{ {reason} }}}}'" if reason else ""
    text = f"flow: x\n{head}initial: a\nstates:\n{states}{END % said}"
    problems = check(load(text, "f", find=shelf(**subs)), CATALOGUE)
    return [f"{problem.code} {problem.message}" for problem in problems if problem.code != "RF065"]


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        (f"  a: {{{LOOK}, transitions: {{done: z}}}}\n", "outputs.a.viewers"),
        (f"  a: {{{LOOK}, transitions: {{done: z, error: z}}}}\n", "outputs.a.viewers|default(0)"),
        (f"  a: {{{LOOK}, transitions: {{done: z, error: z}}}}\n", "outputs.a.viewers if outputs.a is defined else 0"),
        (f"  a: {{{LOOK}, transitions: {{done: z, error: z}}}}\n", "event.message|default(result.viewers)|default(1)"),
        (f"  a: {{{LOOK}, transitions: {{error: z, done: z}}}}\n", "outputs.a is defined"),
        (f"  a: {{{LOOK}, set: {{v: 1}}, transitions: {{done: z, error: z}}}}\n", "vars.v"),
        (f"  a: {{{LOOK}, exit: {{set: {{v: 1}}}}, transitions: {{done: z, error: z}}}}\n", "vars.v"),
        (
            f"  a: {{{LOOK}, transitions: {{done: {{to: z, set: {{v: 1}}}}, error: {{to: z, set: {{v: 2}}}}}}}}\n",
            "vars.v",
        ),
        (
            f"  a: {{{LOOK}, transitions: {{done: b, error: b}}}}\n"
            "  b: {wait: 1s, transitions: {done: [{when: outputs.a is defined, to: z}, {to: a}]}}\n",
            "outputs.a.viewers",
        ),
        (
            f"  a: {{{LOOK}, transitions: {{done: b, error: b}}}}\n"
            "  b: {always: [{when: outputs.a is undefined, to: a}, {to: z}]}\n",
            "outputs.a.viewers",
        ),
        (f"  a: {{{LOOK}, transitions: {{done: z, error: z}}}}\n", "event.source ~ event.at * 2"),
        (
            "  a: {activities: {d: {do: studio.display}}, transitions: {d.exited: z, "
            "d.ready: {to: z, set: {size: '{{ activities.d.size }}'}}}}\n",
            "vars.size|default(0)",
        ),
        (
            "  a: {do: studio.show, needs: d, with: {text: '{{ activities.d.size }}'}, "
            "activities: {d: {do: studio.display}}, transitions: {done: z, d.exited: z}}\n",
            "",
        ),
        (
            "  a: {ask: {message: m, decisions: {go: {h: {type: integer}}, stay: {}}}, transitions: {go: z, stay: b}}\n"
            "  b: {wait: 1s, transitions: {done: a}}\n",
            "outputs.a.h",
        ),
        (
            "  a:\n    initial: i\n    activities: {q: {ask: {message: m, answer: {w: {type: string}}}}}\n"
            "    transitions: {q.answered: z}\n    states: {i: {wait: 1s, transitions: {done: i}}}\n",
            "result.w",
        ),
        (f"  a: {{{LOOK}, entry: {{if: vars.v is not defined, set: {{v: 1}}}}, transitions: {{done: z}}}}\n", "vars.v"),
        (
            f"  a: {{{LOOK}, entry: {{if: vars.v is defined, set: {{w: '{{{{ vars.v }}}}'}}}}, "
            "transitions: {done: b}}\n"
            "  b: {wait: 1s, transitions: {done: [{when: visits.b > 9, to: z}, {to: a, set: {v: 1}}]}}\n",
            "vars.w|default(0)",
        ),
    ],
)
def test_what_is_there_is_not_accused(states: str, reason: str) -> None:
    """Defaults, guards, what every path sets, and what belongs to the one event that leads there are all fine."""
    assert found(states, reason) == []


@pytest.mark.parametrize(
    ("states", "reason", "said"),
    [
        (f"  a: {{{LOOK}, transitions: {{done: z, error: b}}}}\n  b: {{wait: 1s, transitions: {{done: z}}}}\n",
         "outputs.a.viewers", "RF034 'outputs.a.viewers' is not set on every path: a → b → z"),
        ("  a: {wait: 1s, transitions: {stop: z, "
         "done: [{when: visits.a > 1, to: z, set: {v: 1}}, {to: a, set: {v: 2}}]}}\n",
         "vars.v", "RF034 'vars.v' is not set on every path: a → z"),
        (f"  a: {{{LOOK}, transitions: {{done: {{to: z, effects: {{if: result.is_live, set: {{v: 1}}}}}}}}}}\n",
         "vars.v", "RF034 'vars.v' is not set on every path: a → z"),
        (f"  a: {{{LOOK}, transitions: {{done: b}}}}\n  b: {{wait: 1s, transitions: {{done: z}}}}\n",
         "result.viewers", "RF031 no event that leads here carries 'result.viewers'"),
        (f"  a: {{{LOOK}, retry: {{max: 1}}, transitions: {{done: z, error: z}}}}\n",
         "event.message", "RF034 not every event that leads here carries 'event.message'"),
        ("  a: {initial: i, activities: {d: {do: studio.display}}, "
         "transitions: {d.exited: z, d.ready: z}, states: {i: {}}}\n",
         "activities.d.size", "RF034 'activities.d.size' is never set when this is evaluated"),
    ],
)  # fmt: skip
def test_what_is_missing_on_a_path_is_told_with_it(states: str, reason: str, said: str) -> None:
    """The shortest path is shown; what no path brings is told so."""
    assert found(states, reason) == [said]


INNER = "flow: y\ninitial: b\ninputs: {i: {type: integer, default: 1}}\nstates:\n" + (
    f"  b: {{{LOOK}, transitions: {{done: {{to: e, set: {{v: 1}}}}, error: f}}}}\n"
    "  e: {final: ok, reason: '{{ vars.v }} {{ inputs.i }} {{ outputs.b.viewers }}'}\n  f: {final: bad}\n"
)


def test_what_a_sub_flow_ends_with_is_known_by_its_end() -> None:
    """Which states inside have a result depends on the end that was reached."""
    run = "  a: {flow: y.yaml, transitions: {ok: z, bad: %s}}\n  c: {wait: 1s, transitions: {done: a}}\n"
    assert found(run % "c", "outputs.a.b.viewers", y=INNER) == []
    assert found(run % "c", "result.b.viewers", y=INNER) == []
    both = run.replace("done: a", "done: z")
    assert found(both % "c", "outputs.a.b.viewers", y=INNER) == [
        "RF034 'outputs.a.b.viewers' is not set on every path: a/b → a/f → c → z"
    ]


def test_what_a_sub_flow_has_kept_is_gone_when_it_begins_anew() -> None:
    """Variables and results of an earlier visit are not there."""
    inner = INNER.replace("initial: b", "initial: w").replace(
        "states:\n", "states:\n  w: {wait: '{{ vars.v|default(1) }}', transitions: {done: b, stop: g}}\n"
    ) + "  g: {final: over, reason: '{{ vars.v }}'}\n"  # fmt: skip
    run = "  a: {flow: y.yaml, transitions: {ok: a, bad: a, over: z}}\n"
    assert found(run, y=inner) == ["RF034 'vars.v' is never set when this is evaluated"]


def test_what_comes_later_does_not_know_the_event_that_led_there() -> None:
    """An action that is tried again is given its inputs anew, when the event is long past."""
    say = "  b: {do: studio.show, with: {text: '{{ event.message }}'}%s, transitions: {done: z}}\n"
    first = f"  a: {{{LOOK}, transitions: {{done: z, error: b}}}}\n"
    assert found(first + say % "") == []
    assert [each[:5] for each in found(first + say % ", retry: {max: 3}")] == ["RF031"]


def test_what_a_state_was_entered_with_is_there_although_other_things_happen_while_it_is_active() -> None:
    """A transition that goes nowhere takes nothing from what the state has begun with."""
    states = (
        f"  a:\n    activities: {{look: {{{LOOK}, every: 3s, raises: {{seen: result.is_live}}}}}}\n"
        "    transitions: {seen: {set: {n: 1}}, error: z, stop: z}\n    initial: choose\n"
        f"    states:\n      choose: {{{LOOK}, transitions: {{done: say}}}}\n"
        "      say: {do: studio.show, with: {text: 'for {{ result.viewers }}'}, transitions: {done: z}}\n"
    )
    assert found(states) == []
