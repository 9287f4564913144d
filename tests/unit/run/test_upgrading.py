"""Going on in another version of the flow: what keeps a run from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retake_flow.engine.core.gates import AFTER_CRASH
from retake_flow.engine.core.machine import Machine
from retake_flow.errors import UsageError
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.run import events
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.run import Run
from retake_flow.run.upgrading import incompatibilities

FLOW = """
flow: sample
initial: before
states:
  before: {do: a.work, transitions: {done: scope}}
  scope:
    initial: work
    activities: {p: {do: s.program}, q: {ask: {message: "Which?", answer: {n: {type: integer}}}}}
    transitions: {stop: z}
    states:
      work: {do: a.work, transitions: {done: ask}}
      ask: {ask: {message: "Well?", decisions: {go: {way: {type: string}}, end: }}, transitions: {go: pause, end: z}}
      pause: {wait: 1m, transitions: {done: inner}}
      inner: {flow: inner.yaml, transitions: {ok: last}}
      last: {do: a.say, with: {text: "{{ outputs.before }}"}, transitions: {done: rest}}
      rest:
  z: {final: ok}
"""
INNER = """
flow: inner
initial: b
states:
  b: {do: a.work, transitions: {done: c}}
  c: {do: a.say, with: {text: "{{ outputs.b }}"}, transitions: {done: e}}
  e: {final: ok}
"""


def flow_of(text: str = FLOW, inner: str = INNER) -> Flow:
    """The flow in a text, with its sub-flow."""

    def find(name: str, file: str) -> tuple[str, bytes]:
        if name != "inner.yaml":
            raise UsageError(name)
        return name, inner.encode()

    return load_flow(text, "f", find)


def gone_to(name: str) -> Run:
    """A run that has come to a state of the flow on its way."""
    flow = flow_of()
    machine, run, now = Machine(flow), Run("r", "sample", flow.digest, {}), 0.0
    run = machine.step(run, events.Started(), now).run
    for _ in range(20):
        if run.state.rpartition("/")[2] == name:
            return run
        state, visit = run.state, run.visits[run.state]
        match flow.states[state].kind:
            case "do":
                event: events.Event = events.ActionFinished(state, visit, 1, "done", {})
            case "ask":
                event = events.GateAnswered(f"{state}.{visit}", Answer("go", {"way": "x"}, "ann", "c", now))
            case _:
                event = events.TimerFired(state, visit, "wait")
        run = machine.step(run, event, now).run
    raise AssertionError(f"the run never came to {name}")


STATES = ["before", "work", "ask", "pause", "b", "c", "last", "rest"]


@pytest.mark.parametrize("state", STATES)
def test_a_run_can_go_on_in_the_flow_that_it_has(state: str) -> None:
    """Wherever it is, nothing keeps it from its own flow, nor from one that differs in words, routes and times."""
    run = gone_to(state)
    assert incompatibilities(run, flow_of()) == []
    other = FLOW.replace("Well?", "Tell me").replace("1m", "2m").replace("stop: z", "stop: before")
    assert incompatibilities(run, flow_of(other)) == []


def test_a_run_that_has_not_begun_can_go_on_in_any_flow() -> None:
    """It is nowhere yet."""
    assert incompatibilities(Run("r", "sample", "", {}), flow_of()) == []


@pytest.mark.parametrize(
    ("at", "old", "new", "said"),
    [
        ("pause", "pause", "nap", "there is no state 'scope/pause' any more"),
        ("rest", "rest:", "rest: {initial: r, states: {r: }}", "the state 'scope/rest' holds states now"),
        ("work", "work: {do: a.work, ", "work: {wait: 1s, ", "the state 'scope/work' performs no action any more"),
        ("rest", "rest:", "rest: {final: ok}", "the state 'scope/rest' ends the run now"),
        ("rest", "rest:", "rest: {wait: 1m}", "the state 'scope/rest' waits for a time now, which was never set"),
        ("pause", "{wait: 1m, ", "{", "the state 'scope/pause' waits for no time any more"),
        ("rest", "rest:", "rest: {ask: {message: m}}", "the state 'scope/rest' asks now, and nobody was asked"),
        ("b", "{flow: inner.yaml, ", "{initial: b, states: {b: {do: a.work}}, ",
         "no flow runs in the state 'scope/inner' any more"),
        ("pause", "p: {do: s.program}, ", "", "there is no activity 'scope:p' any more"),
        ("pause", "q: {ask", "qq: {ask", "there is no activity 'scope:q' any more"),
        ("pause", "q: {ask", "qq: {ask", "nothing is asked at 'scope:q' any more"),
        ("pause", "{n: {type: integer}}", "{n: {type: string}}",
         "scope:q.1 is asked with other fields or decisions now"),
        ("ask", "end: }}, transitions: {go: pause, end: z}", "}}, transitions: {go: pause}",
         "scope/ask.1 is asked with other fields or decisions now"),
        ("ask", '{ask: {message: "Well?", decisions: {go: {way: {type: string}}, end: }}, ', "{",
         "nothing is asked at 'scope/ask' any more"),
        ("pause", "outputs.before", "outputs.between", "the result of 'between' is used, and the run has not got it"),
    ],
)  # fmt: skip
def test_what_keeps_a_run_from_a_flow_is_said(at: str, old: str, new: str, said: str) -> None:
    """The state, what it waits for, its activities and questions, and the results that are used have to be there."""
    text = (FLOW.replace(old, new, 1) if old != "pause" else FLOW.replace(old, new)).replace(
        "  scope:", "  between: {do: a.work, transitions: {done: scope}}\n  scope:"
    )
    assert text != FLOW
    assert said in incompatibilities(gone_to(at), flow_of(text))


def test_a_state_that_waits_for_its_retry_keeps_it() -> None:
    """Its timer would fire and lead nowhere; without one that is set, a flow may drop it."""
    retrying = FLOW.replace("    initial: work\n", "    initial: work\n    retry: {max: 3, interval: 1m}\n")
    run = gone_to("work")
    failed = events.ActionFinished(run.state, run.visits[run.state], 1, "error", {"kind": "x", "message": "no"})
    waits = Machine(flow_of(retrying)).step(run, failed, 0.0).run
    assert ("scope", "retry") in waits.timers
    assert incompatibilities(waits, flow_of(retrying)) == []
    said = "the state 'scope' waits to be re-entered after an error, and no longer has `retry`"
    assert said in incompatibilities(waits, flow_of())
    assert incompatibilities(run, flow_of()) == []


def test_a_failed_sub_flow_that_waits_for_its_retry_begins_again_in_the_new_flow() -> None:
    """It rests in its own end, which ends no run; what its next try needs has to be there."""
    text = FLOW.replace("{flow: inner.yaml,", "{flow: inner.yaml, retry: {max: 3, interval: 1m},")
    inner = INNER.replace("e: {final: ok}", "e: {final: ok, fails: true}")
    run, old = gone_to("c"), Machine(flow_of(text, inner))
    waits = old.step(run, events.ActionFinished(run.state, run.visits[run.state], 1, "done", {}), 0.0).run
    assert (waits.state, ("scope/inner", "retry") in waits.timers) == ("scope/inner/e", True)

    new = flow_of(text, inner.replace("do: a.say", "do: a.shout"))
    assert incompatibilities(waits, new) == []
    due = waits.timers["scope/inner", "retry"]
    again = Machine(new).step(waits, events.TimerFired("scope/inner", 1, "retry", due), due).run
    assert (again.state, again.visits["scope/inner"]) == ("scope/inner/b", 2)

    needs = inner.replace("b: {do: a.work,", "b: {do: a.say, with: {text: '{{ outputs.x }}'},") + "  x: {do: a.work}\n"
    said = "the result of 'scope/inner/x' is used, and the run has not got it"
    assert said in incompatibilities(waits, flow_of(text, needs))
    assert "the state 'scope/inner/e' ends the run now" in incompatibilities(replace(waits, timers={}), new)


def test_a_result_that_is_still_to_come_is_no_obstacle() -> None:
    """What the run will have before it is used keeps it from nothing; what is used only before it is past."""
    text = FLOW.replace("outputs.before", "outputs.work")
    assert incompatibilities(gone_to("before"), flow_of(text)) == []
    earlier = FLOW.replace("work: {do: a.work, ", "work: {do: a.say, with: {text: '{{ outputs.rest }}'}, ")
    assert incompatibilities(gone_to("last"), flow_of(earlier)) == []


def test_the_results_of_a_sub_flow_are_its_own() -> None:
    """What a sub-flow has not got is told by its path, though the flow around has a state of that name."""
    inner = INNER.replace("outputs.b", "outputs.a").replace("  b:", "  a: {do: a.work, transitions: {done: b}}\n  b:")
    assert incompatibilities(gone_to("b"), flow_of(inner=inner)) == [
        "the result of 'scope/inner/a' is used, and the run has not got it"
    ]
    assert incompatibilities(gone_to("pause"), flow_of(inner=inner.replace("initial: b", "initial: a"))) == []


def test_a_question_about_a_crash_stays_with_its_action() -> None:
    """A question that no flow wrote is no obstacle where the action that it is about is still performed."""
    gate = Gate("scope/work.1", "scope/work", 1, "Was it done?", {}, AFTER_CRASH)
    run = gone_to("work")
    asking = replace(run, gates={**run.gates, gate.id: gate})
    assert incompatibilities(asking, flow_of()) == []
    other = flow_of(FLOW.replace("work: {do: a.work, ", "work: {wait: 1s, "))
    assert "nothing is asked at 'scope/work' any more" in incompatibilities(asking, other)


def test_all_obstacles_are_said_at_once() -> None:
    """A person mends a flow once."""
    text = FLOW.replace("p: {do: s.program}, q: {ask", "qq: {ask").replace("ask: {ask", "ask: {ask", 1)
    assert len(incompatibilities(gone_to("ask"), flow_of(text))) == 3
