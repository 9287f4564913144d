"""What holds in every run of every flow, whatever happens in it."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from retake_flow.engine.core.machine import Machine
from retake_flow.flow.action_spec import ActionSpec, Idempotency
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import ActionState, FinalState, Flow, QuestionState
from retake_flow.run import codec, commands, events
from retake_flow.run.gates import Answer
from retake_flow.run.run import Run

NAMES = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
EVENTS = [
    "done", "error", "error.x", "timeout", "stop", "p.ready", "p.exited", "p.error", "low",
    "answered", "yes", "k.answered", "k.timeout",
]  # fmt: skip
GUARDS = [None, None, "run.state is string", "vars.x|default(0) == 1", "visits.z == 0", "visits.z > 0", "vars.missing"]


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow with states in states, activities, undos, retries, polls, timeouts and routes between any two."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=3, max_size=len(NAMES), unique=True))
    states, paths = _nested(draw, names, "", 0)
    for state in paths.values():
        routes = st.lists(_route(paths), min_size=1, max_size=2)
        state["transitions"] = draw(st.dictionaries(st.sampled_from(EVENTS), routes, min_size=1, max_size=6))
    states["z"] = {"final": "ok"}
    text = json.dumps({"flow": "any", "initial": next(iter(states)), "states": states})
    return load_flow(text, "f")


def _nested(
    draw: st.DrawFn, names: list[str], prefix: str, depth: int
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    states: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    while names:
        name = names.pop(0)
        state: dict[str, Any] = dict(draw(_STATE))
        rests = set(state) <= {"activities", "timeout", "entry"}
        inside = draw(st.integers(1, 3)) if rests and depth < 2 and len(names) > 2 else 0
        if inside:
            inner, known = _nested(draw, [names.pop(0) for _ in range(inside)], f"{prefix}{name}/", depth + 1)
            state |= {"states": inner, "initial": next(iter(inner))}
            state |= draw(st.sampled_from([{}, {"retry": {"max": 2, "on": ["x"]}}]))
            paths |= known
        states[name] = state
        paths[prefix + name] = state
    return states, paths


_ACTIVITIES = st.fixed_dictionaries(
    {"p": st.just({"do": "s.p"})},
    optional={
        "q": st.just({"do": "s.q", "needs": "p"}),
        "t": st.just({"do": "a.t", "every": "3s", "raises": {"low": "result.n < 1"}}),
        "k": st.just({"ask": {"message": "m", "remind": ["1s", "2s"], "timeout": "9s"}}),
    },
)
_DO = st.fixed_dictionaries(
    {"do": st.just("a.x"), "undo": st.just("a.u")},
    optional={
        "retry": st.just({"max": 1}),
        "poll": st.just({"every": "1s", "until": "result.n > 0", "timeout": "9s"}),
        "with": st.sampled_from([{"text": "{{ vars.x }}"}, {"text": "plain"}]),
        "set": st.just({"x": 1}),
        "needs": st.just("p"),
        "on_crash": st.sampled_from(["retry", "verify", "ask", "fail"]),
    },
)
_ASK = st.fixed_dictionaries(
    {"message": st.just("m")},
    optional={
        "decisions": st.just({"yes": None, "no": {"n": {"type": "integer"}}}),
        "timeout": st.just("9s"),
        "escalate": st.just([{"after": "3s", "to": "owner"}]),
    },
).map(lambda ask: {"ask": ask})
_LATER = {"raise": {"event": "low", "after": "2s", "scope": "flow"}}
_REST = st.fixed_dictionaries(
    {},
    optional={
        "activities": _ACTIVITIES,
        "timeout": st.just("1m"),
        "entry": st.sampled_from([_LATER, {"cancel": "low", **_LATER}, {"if": "visits.z == 0", **_LATER}]),
    },
)
_STATE = st.one_of(_REST, _REST, _DO, _DO, _ASK, st.just({"wait": "1s"}))


def _route(paths: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A route to any state, by its whole path from the top, with or without a guard."""
    # From inside, the nearest state of a name is meant; names are unique here, so a whole path is as good.
    targets = st.sampled_from([*paths, *paths, "z"])
    return st.tuples(targets, st.sampled_from(GUARDS)).map(
        lambda drawn: {"to": drawn[0], **({"when": drawn[1]} if drawn[1] else {})}
    )


CATALOGUE = {
    spec.name: spec
    for spec in (
        ActionSpec("a.x", "", idempotency=Idempotency.VERIFY),
        ActionSpec("a.t", ""),
        ActionSpec("s.p", "", service=True),
        ActionSpec("s.q", "", service=True),
    )
}


class World:
    """Everything that a run has begun, and a record of what must hold."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.machine = Machine(flow, CATALOGUE)
        self.run = Run("r", "any", "", {})
        self.active: list[str] = []
        self.entered: dict[str, int] = {}
        self.pending: list[events.Event] = []
        self.now = 0.0
        self.resuming = False

    def tell(self, event: events.Event) -> None:
        """Take a step and hold all that must hold against it."""
        self.resuming = isinstance(event, events.Resumed)
        before, kept = self.run, copy.deepcopy(self.run)
        step = self.machine.step(before, event, self.now)
        assert before == kept, "the run that went in was changed"
        assert self.machine.step(before, event, self.now) == step, "the same step gave something else"
        if before.has_ended:
            assert [type(command) for command in step.commands] == [commands.Note]
            assert step.run == before
        self.run = step.run
        for number, command in enumerate(step.commands):
            self.follow(command, last=number == len(step.commands) - 1)
        self.hold()

    def follow(self, command: commands.Command, *, last: bool) -> None:
        """Keep the books on one command."""
        match command:
            case commands.Enter():
                assert command.state.rpartition("/")[0] == (self.active[-1] if self.active else "")
                self.active.append(command.state)
                self.entered[command.state] = self.entered.get(command.state, 0) + 1
                assert command.visit == self.entered[command.state]
            case commands.Leave() if command.state:
                if isinstance(self.flow.states[self.active[-1]], FinalState):
                    self.active.pop()
                assert self.active.pop() == command.state, "left out of order"
                assert command.visit == self.entered[command.state]
            case commands.StartAction():
                assert self.active[-1] == command.state
                self.pending += [
                    events.ActionFinished(command.state, command.visit, command.attempt, "done", {"n": 0}),
                    events.ActionFinished(command.state, command.visit, command.attempt, "done", {"n": 1}),
                    events.ActionFailed(command.state, command.visit, command.attempt, "x", "it broke"),
                ]
                if command.look_up:
                    self.pending += [
                        events.ActionNotDone(command.state, command.visit, command.attempt),
                        events.ActionInDoubt(command.state, command.visit, command.attempt, "who knows"),
                    ]
            case commands.StartActivity():
                assert command.activity.rpartition(":")[0] in self.active
                self.pending += [
                    events.ActivityReady(command.activity, command.visit, {"n": 1}),
                    events.ActivityResulted(command.activity, command.visit, "done", {"n": 0}, None),
                    events.ActivityExited(command.activity, command.visit, "it died"),
                    events.ActivityFailed(command.activity, command.visit, "x", "it broke", again=False),
                    events.ActivityFailed(command.activity, command.visit, "x", "it broke", again=True),
                ]
            case commands.SetTimer():
                assert command.state.partition(":")[0] in ("", *self.active)
                assert command.due >= self.now or self.resuming, "a time was set that has passed"
                self.pending.append(events.TimerFired(command.state, command.visit, command.purpose, command.due))
            case commands.Note("gate_opened"):
                gate = command.fields["gate"]
                self.pending += [
                    events.GateAnswered(gate, Answer(decision, {"n": 1}, "ann", "test", self.now))
                    for decision in command.fields["schema"].get("decisions", [""])
                ]
            case commands.EndRun():
                assert last, "something follows the end"
                assert all(isinstance(self.flow.states[path], FinalState) for path in self.active), (
                    "a state was not left"
                )

    def hold(self) -> None:
        """What holds between any two steps."""
        run = self.run
        if run.has_ended:
            assert run.undos == ()
            assert (run.gates, run.timers, run.delayed, run.retries) == ({}, {}, {}, {}), (
                "somebody is asked, or a time awaited, after the end"
            )
            return
        leaf = self.flow.states[run.state]
        assert leaf.can_be_innermost, "a composite is active without a state in it"
        assert [state.path for state in self.flow.around(run.state)] == self.active[::-1]
        assert dict(run.visits) == self.entered
        assert {key.rpartition(":")[0] for key in run.activities} <= set(self.active)
        assert all(doing.visit == run.visits[key.rpartition(":")[0]] for key, doing in run.activities.items())
        assert run.retries.keys() <= set(self.active)
        assert run.delayed.keys() <= run.timers.keys()
        assert {undo.scope for undo in run.undos} <= {*self.active, ""}
        assert run.attempt is None or isinstance(leaf, ActionState)
        assert all(gate.id == f"{gate.place}.{gate.visit}" == key for key, gate in run.gates.items())
        for place in [*(gate.place for gate in run.gates.values()), *(place for place, _ in run.timers)]:
            assert place.partition(":")[0] in ("", *self.active), (
                "something is asked or awaited of a state that was left"
            )
        if isinstance(leaf, QuestionState):
            gate = f"{leaf.path}.{run.visits[leaf.path]}"
            assert gate in run.gates or leaf.path in run.outputs or leaf.ask.timeout


@settings(max_examples=80)
@given(flow=flows(), data=st.data())
def test_every_run_of_every_flow_keeps_its_books(flow: Flow, data: st.DataObject) -> None:
    """One leaf is active, states are left in order, visits grow, what begins belongs to what is active."""
    world = World(flow)
    world.tell(events.Started())
    for _ in range(data.draw(st.integers(0, 25), label="steps")):
        world.now += 1
        chance = data.draw(st.integers(0, 19), label="stop when 0, resume when 1 or 2")
        # Any fact that could ever come: due, late, or told twice.
        if chance in (1, 2):
            event: events.Event = events.Resumed(world.run, begun=chance == 1)
        elif chance == 0 or not world.pending:
            event = events.StopRequested()
        else:
            event = data.draw(st.sampled_from(world.pending[-12:]), label="event")
        over = world.run.has_ended
        world.tell(event)
        if over:
            break


@settings(max_examples=30)
@given(flow=flows(), steps=st.integers(0, 10), data=st.data())
def test_a_stop_ends_every_run_or_follows_a_route(flow: Flow, steps: int, data: st.DataObject) -> None:
    """A stop is never lost: either a state routes it, or the run ends."""
    world = World(flow)
    world.tell(events.Started())
    for _ in range(steps):
        world.tell(data.draw(st.sampled_from([*world.pending, events.StopRequested()]), label="event"))
    routed = world.run.has_ended or any("stop" in state.routes for state in flow.around(world.run.state))
    world.tell(events.StopRequested("enough"))
    assert routed or (world.run.outcome, world.run.reason) == ("stopped", "enough")


@settings(max_examples=50)
@given(flow=flows(), data=st.data())
def test_a_run_that_was_stored_goes_on_as_it_would_have(flow: Flow, data: st.DataObject) -> None:
    """What another process makes of a run follows from what was written of it, and nothing is lost by resuming it."""
    world = World(flow)
    world.tell(events.Started())
    for _ in range(data.draw(st.integers(0, 12), label="steps")):
        if world.pending:
            world.tell(data.draw(st.sampled_from(world.pending[-12:]), label="event"))
    before = world.run
    again = codec.decode(json.loads(json.dumps(codec.encode(before))))
    step = world.machine.step(again, events.Resumed(again), 9.0)
    assert again == before
    assert step == world.machine.step(before, events.Resumed(before), 9.0)
    if step.run.state == before.state and step.run.visits == before.visits and not step.run.has_ended:
        assert before.gates.keys() <= step.run.gates.keys()
        assert before.timers.items() <= step.run.timers.items()
        assert step.run.undos == before.undos
