"""The engine against the graph: each transition of each run is an edge of it, in its order and with its effects.

Every state and every route of the made flows tells what it does, so that the commands of a step show the whole order.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from retake_flow.engine.core.machine import Machine
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.graph.transition_graph import Move, Moves
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import FinalState, Flow
from retake_flow.flow.state_parts import Route
from retake_flow.run import commands, events
from retake_flow.run.gates import Answer
from retake_flow.run.run import Run

_NAMES = ["a", "b", "c", "d", "e", "f", "g"]
_EVENTS = [
    "done",
    "error",
    "error.x",
    "*",
    "timeout",
    "stop",
    "p.ready",
    "p.error",
    "low",
    "yes",
    "go",
    "skipped.go",
    "own",
    "own",
    "ok",
    "bad",
]
_GUARDS = ["visits.z == 0", "vars.x|default(0) == 1", "visits.a > 1", "not in('a')"]
_SPECS = {
    spec.name: spec
    for spec in (
        ActionSpec("a.x", "", errors=("x",)),
        ActionSpec("a.t", "", errors=("x",)),
        ActionSpec("s.p", "", outcomes=("ready", "exited"), errors=("x",), service=True),
    )
}
#: The flow that runs in the state `s`.
_INNER: dict[str, Any] = {
    "flow": "inner",
    "initial": "a",
    "states": {
        "a": {"do": "a.x", "transitions": {"done": [{"to": "b"}]}},
        "b": {"initial": "c", "transitions": {"go": [{"to": "b/h"}]}, "states": {
            "c": {"wait": "1s", "transitions": {"done": [{"to": "d"}]}},
            "d": {"transitions": {"own": [{"to": "y"}], "low": [{"to": "z", "raise": "own"}]}},
            "h": {"history": "deep"},
        }},
        "y": {"final": "bad", "fails": True},
        "z": {"final": "ok"},
    },
}  # fmt: skip
_KINDS = st.sampled_from(
    [
        {},
        {},
        {"do": "a.x"},
        {"do": "a.x", "poll": {"every": "1s", "until": "result.n > 0", "timeout": "9s"}, "retry": {"max": 1}},
        {"wait": "1s"},
        {"ask": {"message": "m", "decisions": {"yes": None, "no": None}, "timeout": "9s"}},
        {"activities": {"p": {"do": "s.p"}, "t": {"do": "a.t", "every": "3s", "raises": {"low": "result.n < 1"}}}},
        {"activities": {"p": {"do": "s.p", "retry": {"max": 1}}, "u": {"do": "a.t"}}, "timeout": "1m"},
        {"entry": [{"raise": "own"}]},
        {"final": "ok", "ends": "state"},
        {"entry": [{"if": "visits.a > 1", "set": {"x": 2}, "raise": "own"}]},
        {"exit": [{"raise": {"event": "own", "after": "1s", "scope": "flow"}}, {"set": {"x": 1}}]},
        {"entry": [{"cancel": "own", "raise": {"event": "own", "after": "1s"}}]},
    ]
)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A flow with all kinds of transitions between states in states."""
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=2, max_size=len(_NAMES), unique=True))
    paths: dict[str, dict[str, Any]] = {}
    states = _nested(draw, list(names), "", paths)
    if draw(st.booleans()):
        states["s"] = paths["s"] = {"flow": "inner", "retry": {"max": 1, "on": ["x", "bad"]}}
    targets = [*paths, "z"]
    route = st.tuples(
        st.sampled_from([{"set": {"x": 1}}, *({"to": path} for path in [*targets, *targets])]),
        st.sampled_from([{}, {}, {}, *({"when": guard} for guard in _GUARDS)]),
        st.sampled_from([{}, {}, {"raise": "own"}, {"effects": {"if": "vars.x|default(0) == 1", "raise": "own"}}]),
    ).map(lambda parts: {**parts[0], **parts[1], **parts[2]})
    routes = st.lists(route, min_size=1, max_size=2)
    for state in paths.values():
        if not state.keys() & {"history", "final"}:
            state["transitions"] = draw(st.dictionaries(st.sampled_from(_EVENTS), routes, max_size=4))
            if "go" in state["transitions"] and draw(st.booleans()):  # it has no data, so it is skipped
                state["transitions"]["go"].insert(0, {"to": "z", "when": "event.n > 0"})
            if draw(st.integers(0, 5)) == 0:
                state["always"] = [{"to": draw(st.sampled_from(targets)), "when": draw(st.sampled_from(_GUARDS))}]
    states["z"] = {"final": "ok"}
    initial = next(name for name, state in states.items() if "history" not in state)
    if "s" in states and draw(st.booleans()):
        initial = "s"
    text = {"flow": "any", "initial": initial, "events": ["go"], "states": states}
    return load_flow(_telling(text, ""), "f", lambda name, file: (name, _telling(_INNER, "s/").encode()))


def _telling(flow: dict[str, Any], prefix: str) -> str:
    """The text of a flow in which every state and every route tells what it does."""
    numbers = count(1)

    def numbered(routes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**route, "tell": f"route {prefix}{next(numbers)}"} for route in routes]

    def telling(states: dict[str, Any], around: str) -> dict[str, Any]:
        return {name: one(state, around + name) for name, state in states.items()}

    def one(state: dict[str, Any], path: str) -> dict[str, Any]:
        if "history" in state:
            return state
        state = {**state, "entry": [{"tell": f"entry {path}"}, *state.get("entry", [])]}
        if "final" not in state:
            state["exit"] = [{"tell": f"exit {path}"}, *state.get("exit", [])]
        if "states" in state:
            state["states"] = telling(state["states"], path + "/")
        if "always" in state:
            state["always"] = numbered(state["always"])
        state["transitions"] = {event: numbered(routes) for event, routes in state.get("transitions", {}).items()}
        return state if state["transitions"] else {key: state[key] for key in state if key != "transitions"}

    return json.dumps({**flow, "states": telling(flow["states"], prefix)})


def _nested(draw: st.DrawFn, names: list[str], prefix: str, paths: dict[str, dict[str, Any]]) -> dict[str, Any]:
    states: dict[str, Any] = {}
    while names:
        name = names.pop(0)
        state = dict(draw(_KINDS))
        if "final" in state and not prefix:
            state = {}
        inside = draw(st.integers(0, 3)) if not {"do", "wait", "ask", "final"} & set(state) and len(prefix) < 4 else 0
        states[name] = paths[prefix + name] = state
        if inside and len(names) >= inside:
            inner = _nested(draw, [names.pop(0) for _ in range(inside)], f"{prefix}{name}/", paths)
            state |= {"states": inner, "initial": next(iter(inner))}
            if draw(st.integers(0, 2)) == 0:
                state["retry"] = {"max": 2, "interval": "1s"}
            if draw(st.booleans()):
                inner[f"h{name}"] = paths[f"{prefix}{name}/h{name}"] = {
                    "history": draw(st.sampled_from(["shallow", "deep"]))
                }
    return states


class Walk:
    """A run of the real machine, each of whose transitions has to be an edge of the graph."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.machine = Machine(flow, _SPECS)
        self.moves = Moves(flow, _SPECS)
        self.run = Run("r", "any", "", {})
        self.at = ""
        self.pending: list[events.Event] = []
        take = self.machine._chart.take
        self.machine._chart.take = lambda state, event, *more: self.followed(state, event, take(state, event, *more))

    def followed(self, state: str, event: str, route: Route | None) -> Route | None:
        """A route that the engine takes has to be that of an edge, on that very event."""
        if route is not None:
            of = [move for move in self.moves.of(state) if move.route is route]
            assert any(event in (name for name, _ in move.occurrence.names) for move in of), f"{state}: {event} {route}"
        return route

    def tell(self, event: events.Event) -> None:
        """Take a step, and hold what it does against the graph, transition by transition."""
        step = self.machine.step(self.run, event, 1.0)
        self.run = step.run
        done = [word for command in step.commands if (word := _word(command))]
        end = next((command for command in step.commands if isinstance(command, commands.EndRun)), None)
        if done and not self.at:
            done = self.follow(done, [self.moves.start()])
        while done and not (end is not None and self.ends(done, end)):
            done = self.follow(done, self.moves.of(self.at))
        assert end is not None or self.at == self.run.state
        for command in step.commands:
            self.pending += _answers(command)

    def follow(self, done: list[str], edges: list[Move] | tuple[Move, ...]) -> list[str]:
        """Take one transition off what was done; returns the rest."""
        fitting = [move for move in edges if move.route is not None or not self.at]
        fitting = [move for move in fitting if done[: len(order := _order(self.flow, move))] == order]
        assert fitting, f"{self.at}: {done} begins like none of {[_order(self.flow, move) for move in edges]}"
        move = max(fitting, key=lambda each: len(each.entered))
        shorter = {(each.left, each.entered) for each in (self.moves.distinct(self.at) if self.at else edges)}
        assert (move.left, move.entered) in shorter
        self.at = move.target
        return done[len(_order(self.flow, move)) :]

    def ends(self, done: list[str], end: commands.EndRun) -> bool:
        """Whether all that is left to do is the end: in a final state, or by something that nobody routes.

        A broken expression may always end a run; then no effects are performed.
        """
        around = [state for state in self.flow.around(self.at) if not isinstance(state, FinalState)]
        leaving = [f"leave {state.path}" for state in around]
        exits = [f"exit {state.path}" for state in around]
        broken = "transitions followed from one event" in end.reason or end.reason.startswith("`")
        if done not in (leaving if broken else exits + leaving, exits + leaving):
            return False
        final = isinstance(self.flow.states[self.at], FinalState)
        assert broken or final or any(move.route is None for move in self.moves.of(self.at))
        return True


def _order(flow: Flow, move: Move) -> list[str]:
    """What a transition does, in order, as docs/language.md says it."""
    route = move.route.effects[0].tell.message if move.route is not None and move.route.effects else ""
    return [
        *(f"exit {path}" for path in move.left if not isinstance(flow.states[path], FinalState)),
        *([route] if route else []),
        *(f"leave {path}" for path in move.left),
        *(word for path in move.entered for word in (f"enter {path}", f"entry {path}")),
    ]


def _word(command: commands.Command) -> str:
    match command:
        case commands.Leave() if command.state:
            return f"leave {command.state}"
        case commands.Enter():
            return f"enter {command.state}"
        case commands.Note("notice"):
            return str(command.fields["message"])
    return ""


def _answers(command: commands.Command) -> list[events.Event]:
    """Whatever may come of a command."""
    match command:
        case commands.StartAction():
            at = (command.state, command.visit, command.attempt)
            return [
                *(events.ActionFinished(*at, "done", {"n": n}) for n in (0, 1)),
                events.ActionFailed(*at, "x", "no"),
            ]
        case commands.StartActivity():
            key, visit = command.activity, command.visit
            serves = [events.ActivityReady(key, visit, {}), events.ActivityExited(key, visit, "it died")]
            facts: list[events.Event] = [events.ActivityFailed(key, visit, "x", "it broke", again=True)]
            results = [events.ActivityResulted(key, visit, "done", {"n": 0}, None)]
            facts += serves if _SPECS[command.do].service else results
            # What is repeated goes on after an error.
            given_up = events.ActivityFailed(key, visit, "x", "it broke", again=False)
            return facts if command.every is not None else [*facts, given_up]
        case commands.SetTimer():
            return [events.TimerFired(command.state, command.visit, command.purpose)]
        case commands.Note("gate_opened"):
            gate = command.fields["gate"]
            return [events.GateAnswered(gate, Answer(each, {}, "ann", "test", 1.0)) for each in ("yes", "no")]
    return []


@settings(max_examples=120)
@given(flow=flows(), data=st.data())
def test_each_transition_of_a_run_is_an_edge_of_the_graph(flow: Flow, data: st.DataObject) -> None:
    """Whatever happens in any run of any flow: the same states are left and entered, with the same effects in order."""
    walk = Walk(flow)
    walk.tell(events.Started())
    for _ in range(data.draw(st.integers(5, 20), label="steps")):
        if walk.run.has_ended:
            break
        outside = [events.StopRequested(), events.Raised("go", {}), events.Resumed(walk.run, begun=True)]
        walk.tell(data.draw(st.sampled_from([*walk.pending[-10:], *outside]), label="event"))
