"""Expressions that cannot be evaluated, and defects: the run goes on, or ends cleanly."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conversation import Actions, Journal, drive
from talk import Talk, written

from retake_flow.engine.core.chart import Chart
from retake_flow.engine.core.step import Macrostep
from retake_flow.engine.driver.execute import Execution
from retake_flow.run import commands, events
from retake_flow.run.run import Phase

ON_AIR = """\
a:
  activities: {chat: {do: a.work, every: 3s, raises: {offline: result.viewers > 3}}}
  transitions:
    tip: {when: event.amount > 3, to: a/thanks, set: {last: "{{ event.text }}"}}
    offline: over
  initial: rest
  states:
    rest: {}
    thanks: {entry: {set: {length: "{{ event.text|length }}"}}, wait: 1s, transitions: {done: a/rest}}
over: {final: completed}
"""


def resulted(talk: Talk, *raised: tuple[str, dict[str, object]], **value: object) -> Talk:
    """The activity `chat` has read something."""
    visit = talk.run.activities["a:chat"].visit
    return talk.tell(events.ActivityResulted("a:chat", visit, "done", value, {"seen": 7}, (), raised))


@pytest.mark.parametrize("data", [{"amount": "much"}, {"amount": None}, {}, {"amount": 5}, {"amount": 5, "text": 5}])
def test_an_event_from_outside_that_the_flow_cannot_evaluate_is_passed_over(data: dict[str, object]) -> None:
    """Be it the guard, a variable or an effect of entering: the run stays as it was, and that is told."""
    talk = Talk(ON_AIR)
    before = talk.run
    talk.tell(events.Raised("tip", data))
    assert talk.run == before
    [note] = talk.notes("error")
    assert note["kind"] == "expression"
    assert "'tip' is skipped" in note["message"]
    assert talk.notes() == ["error"]


def test_what_an_activity_remembers_is_kept_when_its_event_is_passed_over() -> None:
    """What was read counts as read, and what else it raised is taken."""
    talk = resulted(Talk(ON_AIR), ("tip", {"amount": "x"}), ("tip", {"amount": 9, "text": "owl"}), viewers=1)
    assert talk.run.memory == {"a": {"seen": 7}}
    assert (talk.run.state, talk.run.vars) == ("a/thanks", {"last": "owl", "length": 3})
    assert len(talk.notes("error")) == 1


def test_a_condition_that_cannot_be_evaluated_raises_nothing() -> None:
    """What the platform says may be of another type than the flow thinks."""
    talk = resulted(Talk(ON_AIR), viewers=None)
    assert talk.run.state == "a/rest"
    assert "'offline' is skipped" in talk.notes("error")[0]["message"]
    assert resulted(talk, viewers=4).run.outcome == "completed"


def test_a_defect_met_by_an_event_from_outside_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a viewer has written, also where nobody foresaw it."""
    talk = Talk(ON_AIR)

    def broken(*_: object) -> None:
        raise NameError("nan")

    with monkeypatch.context() as patch:
        patch.setattr(Macrostep, "_perform", broken)
        talk.tell(events.Raised("tip", {"amount": 5, "text": "x"}))
    assert talk.run.state == "a/rest"
    assert "NameError: nan" in talk.notes("error")[0]["message"]


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ("a: {do: a.work, transitions: {done: {when: result.n > 3, to: z}, error: b}}", "error"),
        ("a: {do: a.work, poll: {every: 1s, until: result.n > 3}, transitions: {done: z, error: b}}", "error"),
        ("a: {do: a.work, transitions: {done: {to: z, set: {x: '{{ result.none }}'}}, error.expression: b}}", "error"),
    ],
)
def test_a_result_that_cannot_be_evaluated_is_an_error_that_the_flow_routes(states: str, outcome: str) -> None:
    """The state waits for it, so it cannot be passed over."""
    talk = Talk(f"{states}\nb: {{wait: 1s}}\nz: {{final: completed}}")
    talk.finish(n="many")
    assert (talk.run.state, talk.run.phase) == ("b", Phase.RUNNING)
    assert talk.run.outputs == {"a": {"n": "many"}}


def test_an_error_that_nobody_routes_ends_the_run_in_order() -> None:
    """What was begun is undone, and the reason is told."""
    inside = "{do: a.work, undo: a.undo, transitions: {done: {when: result.n > 3, to: z}}}"
    talk = Talk(f"a: {{initial: b, states: {{b: {inside}}}}}\nz: {{final: completed}}")
    talk.finish(n="many")
    assert (talk.run.outcome, talk.run.phase) == ("failed", Phase.FAULTED)
    assert [undo.do for leave in talk.wished(commands.Leave) for undo in leave.undos] == ["a.undo"]


def test_an_activity_whose_inputs_cannot_be_filled_in_is_an_error_of_it() -> None:
    """Its state may route it; the other activities begin."""
    activities = "{x: {do: s.x, with: {n: '{{ vars.none }}'}}, y: {do: s.y}}"
    talk = Talk(f"a: {{activities: {activities}, transitions: {{x.error: b}}}}\nb: {{}}")
    assert talk.run.state == "b"


def test_a_stop_is_a_stop_also_where_leaving_cannot_be_evaluated() -> None:
    """Nobody is to be kept on air by a mistake in an exit effect."""
    talk = Talk("a: {exit: {set: {x: '{{ vars.none }}'}}, transitions: {stop: z}}\nz: {final: completed}")
    talk.tell(events.StopRequested("enough"))
    assert (talk.run.outcome, talk.run.phase) == ("stopped", Phase.CANCELLED)


def test_a_defect_of_the_machine_ends_the_run_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The undo is owed whatever happens; the reason says that it is a defect."""

    def broken(*_: object) -> None:
        raise NameError("nan")

    states = "a: {initial: b, states: {b: {do: a.work, undo: a.undo, transitions: {done: z}}}}\nz: {final: completed}"
    monkeypatch.setattr(Chart, "take", lambda self, state, name, *rest: broken() if name == "done" else None)
    run, journal = drive(written(states), Actions())
    assert (run.outcome, run.phase) == ("failed", Phase.FAULTED)
    assert "a defect of retake-flow: NameError: nan" in run.reason
    assert journal.of("undo_finished")


def test_a_task_of_ours_that_breaks_ends_the_run_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that is deaf to timers, answers and stops must not stay as if all were well."""

    async def broken(*_: object) -> None:
        raise NameError("timer")

    monkeypatch.setattr(Execution, "timer", broken)
    states = """\
a:
  initial: b
  states: {b: {do: a.work, undo: a.undo, transitions: {done: a/c}}, c: {wait: 1s, transitions: {done: z}}}
z: {final: completed}"""
    kept = Journal()
    with pytest.raises(NameError):
        drive(written(states), Actions(), kept)
    assert kept.runs[-1].outcome == "failed"
    assert [record["outcome"] for record in kept.of("run_ended")] == ["failed"]
    assert len(kept.of("undo_finished")) == 1


@pytest.mark.parametrize(
    ("work", "tells"),
    [
        ("do: a.work, poll: {every: '{{ vars.pace }}', until: result.ok}", lambda talk: talk.finish(ok=False)),
        ("do: a.work, retry: {max: 2, interval: '{{ vars.pace }}'}", lambda talk: talk.fail()),
        ("ask: {message: 'Well?', remind: [10s, '{{ vars.pace }}']}", lambda talk: talk.fire("remind", later=10)),
    ],
)
def test_an_expression_of_the_next_wait_that_cannot_be_evaluated_is_routed(
    work: str, tells: Callable[[Talk], Talk]
) -> None:
    """A state waits for what has happened, so it gets `error.expression` in its place, and the run goes on."""
    routes = "transitions: {done: z, answered: z, 'error.expression': odd}"
    talk = Talk(f"a: {{entry: {{set: {{pace: 9s}}}}, {work}, {routes}}}\nodd: {{}}\nz: {{final: ok}}")
    talk = talk.copy(vars={"pace": "soon"})
    assert tells(talk).run.state == "odd"


def test_what_failed_is_not_under_way_any_more() -> None:
    """Even when the wait for its next try cannot be evaluated, so that a later process does not ask about it."""
    work = "do: a.work, retry: {max: 2, interval: '{{ vars.pace }}'}"
    routes = "transitions: {done: z, 'error.expression': {set: {odd: true}}}"
    talk = Talk(f"a: {{entry: {{set: {{pace: 9s}}}}, {work}, {routes}}}\nz: {{final: ok}}")
    talk = talk.copy(vars={"pace": "soon"}).fail()
    assert (talk.run.state, talk.run.vars["odd"]) == ("a", True)
    assert talk.run.attempt is not None
    assert not talk.run.attempt.open


@pytest.mark.parametrize("effect", ["entry", "exit"])
def test_a_state_that_cannot_be_entered_anew_leaves_no_half_step(effect: str) -> None:
    """The run ends and undoes what it did, instead of resting between states."""
    routes = "transitions: {done: z, error.expression: {set: {odd: true}}}"
    talk = Talk(
        "b: {set: {d: 1}, wait: 1s, transitions: {done: c}}\n"
        f"c: {{retry: {{max: 2, interval: 5s}}, {effect}: {{set: {{n: '{{{{ 1 // vars.d }}}}'}}}}, {routes}, "
        "initial: a, states: {a: {do: a.work, transitions: {done: z}}}}\nz: {final: ok}",
        "b",
    )
    talk = talk.fire("wait", later=1).fail().copy(vars={"d": 0}).fire("retry", "c", later=5)
    assert talk.run.outcome == "failed"
