"""What the check lets through never misses a name: the facts that it follows are those that the engine meets."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from retake_flow.engine.core.machine import Machine
from retake_flow.errors import ExpressionError
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import errors
from retake_flow.flow.expressions.expression import Expression
from retake_flow.flow.load.load import load
from retake_flow.flow.model import Flow
from retake_flow.run import events
from retake_flow.run.gates import Answer
from retake_flow.run.run import Run, Work

_NUMBER = {"n": {"type": "integer"}}
_CATALOGUE = {
    spec.name: spec
    for spec in (
        ActionSpec("a.work", "Works.", outcomes=("done", "other"), result=_NUMBER, errors=("bad",),
                   inputs={"x": {}}, optional=frozenset({"x"})),
        ActionSpec("s.go", "Goes on.", outcomes=("ready", "exited"), result=_NUMBER, service=True,
                   inputs={"x": {}}, optional=frozenset({"x"})),
    )
}  # fmt: skip
_INNER = """\
flow: inner
initial: a
inputs: {i: {optional: true, type: integer}}
states:
  a: {do: a.work, transitions: {done: b, other: z, error: y}}
  b: {do: a.work, transitions: {done: z, other: z, error: y}}
  z: {final: ok, reason: r}
  y: {final: bad}
"""
#: The shape is fixed, with every kind of state; where routes lead, what is set and what is used is drawn.
_NAMES = ("a", "b", "q", "w", "s", "c", "e", "z")
_EXPRESSIONS = (
    "outputs.a.n", "outputs.b.n", "outputs.q.f", "outputs.q.g", "outputs.q.answered_by", "outputs.s.b.n", "outputs.s",
    "outputs.d.n", "vars.x", "vars.y", "activities.p.n", "result.n", "result.f", "result.b.n", "event.message",
    "event.reason", "event.kind", "event.name", "event.k",
)  # fmt: skip
_TARGETS = st.sampled_from(_NAMES)
_USED = st.sampled_from(_EXPRESSIONS)
#: What only the shape of a flow is at fault for does not matter here.
_SHAPE = {"RF060", "RF061", "RF062", "RF063", "RF064"}


@st.composite
def _routes(draw: st.DrawFn, *outcomes: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for outcome in outcomes:
        route: dict[str, Any] = {"to": draw(_TARGETS)}
        if draw(st.booleans()):
            name = draw(st.sampled_from("xy"))
            route["set"] = {name: f"{{{{ {draw(_USED)} }}}}" if draw(st.integers(0, 5)) == 0 else 1}
        if draw(st.integers(0, 9)) == 0:
            route["raise"] = {"event": "tick", "data": {"k": 1}}
        held = st.sampled_from(["vars.x is defined", "vars.y is not defined", "outputs.a is defined"])
        if draw(st.integers(0, 4)) == 0:
            value = f"{{{{ {draw(_USED)} }}}}" if draw(st.integers(0, 3)) == 0 else 1
            route["effects"] = {"if": draw(held), "set": {draw(st.sampled_from("xy")): value}}
        found[outcome] = route
        if draw(st.integers(0, 6)) == 0:
            found[outcome] = [{"when": draw(held), "to": draw(_TARGETS)}, route]
    return found


@st.composite
def _flows(draw: st.DrawFn) -> Any:
    def maybe(key: str, one_in: int = 4) -> dict[str, Any]:
        return {key: f"{{{{ {draw(_USED)} }}}}"} if draw(st.integers(1, one_in)) == 1 else {}

    work = {"do": "a.work"}
    inside = {
        "d": {**work, "needs": "p", "with": maybe("x"), "transitions": draw(_routes("done", "other", "error"))},
        "r": {"transitions": {"p.ready": {"to": "d", **({"set": {"x": 1}} if draw(st.booleans()) else {})}}},
    }
    states = {
        "a": {**work, "with": maybe("x"), "transitions": draw(_routes("done", "other", "error"))},
        "b": {
            **work,
            "set": {"y": 1} if draw(st.booleans()) else {},
            "transitions": draw(_routes("done", "other", "error")),
        },
        "q": {
            "ask": {"message": "m", "decisions": {"go": {"f": {"type": "string"}}, "stay": {"g": {"type": "string"}}}},
            "transitions": draw(_routes("go", "stay")),
        },
        "w": {
            "wait": 1,
            "exit": {"set": {"x": 2}} if draw(st.booleans()) else [],
            "transitions": draw(_routes("done")),
        },
        "s": {"flow": "inner.yaml", "with": maybe("i"), "transitions": draw(_routes("ok", "bad"))},
        "c": {
            "initial": draw(st.sampled_from("dr")),
            "states": inside,
            "activities": {"p": {"do": "s.go", "with": maybe("x", 8)}},
            "timeout": 60,
            **draw(st.sampled_from([{}, {"retry": {"max": 1}}])),
            "transitions": draw(_routes("p.exited", "p.error", "timeout")),
        },
        "e": {"always": [{"when": "vars.x is defined", "to": draw(_TARGETS)}, {"to": draw(_TARGETS)}]},
        "z": {"final": "ok", **maybe("reason", 2)},
    }
    for name in ("w",):
        if states[name]["exit"] == []:
            del states[name]["exit"]
    if draw(st.booleans()):
        states["w"]["transitions"]["tick"] = draw(_routes("tick"))["tick"]
    return {"flow": "f", "initial": draw(_TARGETS), "states": states}


def _next(draw: Any, flow: Flow, run: Run, now: float) -> events.Event:
    """One of the things that can happen to a run."""
    choices: list[events.Event] = [events.StopRequested("over")]
    if run.attempt is not None and run.attempt.open:
        at = (run.state, run.visits[run.state], run.attempt.number)
        choices += [events.ActionFinished(*at, outcome, {"n": 1}) for outcome in ("done", "other")] * 3
        choices.append(events.ActionFailed(*at, "bad", "it is bad"))
    for gate in run.gates.values():
        choices += [
            events.GateAnswered(gate.id, Answer(decision, {field: "t"}, "ann", "command", now))
            for decision, field in (("go", "f"), ("stay", "g"))
        ] * 3
    for place, purpose in run.timers:
        choices += [events.TimerFired(place, run.visits.get(place.partition(":")[0], 0), purpose)] * 2
    for key, doing in run.activities.items():
        if doing.work is Work.STARTING:
            choices += [events.ActivityReady(key, doing.visit, {"n": 1})] * 3
        if doing.work in (Work.STARTING, Work.READY):
            choices += [events.ActivityExited(key, doing.visit, "it died")]
            choices += [events.ActivityFailed(key, doing.visit, "bad", "it is bad")]
    return draw(st.sampled_from(choices))


@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(data=st.data())
def test_a_checked_flow_never_misses_a_name(data: st.DataObject) -> None:
    """Whatever happens to a run of a flow that has passed the check, every expression finds what it needs."""
    text = json.dumps(data.draw(_flows()))
    loaded = load(text, "f.yaml", find=lambda name, file: (name, _INNER.encode()))
    problems = errors(check(loaded, _CATALOGUE))
    assume(loaded.flow is not None and {problem.code for problem in problems} <= _SHAPE)
    assert loaded.flow is not None
    missed: list[str] = []
    evaluate = Expression.value

    def watched(expression: Expression, names: Any) -> Any:
        try:
            return evaluate(expression, names)
        except ExpressionError as error:
            missed.append(error.message)
            raise

    machine = Machine(loaded.flow, _CATALOGUE)
    run, now = Run("r", "f", "", {}), 1000.0
    event: events.Event = events.Started()
    with mock.patch.object(Expression, "value", watched):
        for _ in range(25):
            run = machine.step(run, event, now).run
            assert not missed, f"{missed} in {run.state} after {event}"
            if run.outcome is not None:
                return
            event = _next(data.draw, loaded.flow, run, now)
