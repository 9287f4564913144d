"""The cost of one pure step of the engine against a bare `transitions` machine of the same flow.

Both take the same run through the same transitions of go-live.yaml: from the check of the guide onto the air, an
encoder that dies, and back onto the air.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from measure import alternating, quick, show
from transitions.extensions.nesting import HierarchicalMachine, NestedState

from retake_flow.engine.core.machine import Machine
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import CompositeState, Flow, State
from retake_flow.flow.text import locate
from retake_flow.run import events
from retake_flow.run.run import Run

_LAPS = 100
_ROUNDS = 9

# What the platform and the studio would say, by the state that asks.
_RESULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "check_guide": ("unchanged", {}),
    "credentials": ("found", {"agent_name": "a"}),
    "verification": ("done", {"verified": True}),
    "broadcast/stream_key": ("done", {"url": "rtmp://x", "key": "k", "push_url": "p"}),
    "broadcast/session": ("done", {"started_at": 1.0, "page": "https://retake.tv/a"}),
    "broadcast/pushing/confirm_live": ("done", {"is_live": True, "viewers": 1}),
    "broadcast/pushing/thumbnail": ("done", {}),
    "broadcast/pushing/open_chat": ("done", {}),
    "broadcast/pushing/tell_builder": ("done", {}),
}


class _BareState(NestedState):
    separator = "/"


class _BareMachine(HierarchicalMachine):
    state_cls = _BareState


def recorded(flow: Flow, machine: Machine) -> list[tuple[Run, events.Event]]:
    """The steps of one lap: each run before a transition, and the event that causes it."""
    taken: list[tuple[Run, events.Event]] = []
    run = machine.step(_fresh(flow), events.Started(), 0.0).run
    deaths = 0
    while True:
        event = _next(run, deaths)
        if event is None:
            return taken
        deaths += isinstance(event, events.ActivityExited)
        before, run = run, machine.step(run, event, 0.0).run
        if run.state != before.state:
            taken.append((before, event))


def _next(run: Run, deaths: int) -> events.Event | None:
    starting = [
        (key, doing) for key, doing in run.activities.items() if doing.work == "starting" and "on_air" not in key
    ]
    if starting:
        key, doing = starting[0]
        return events.ActivityReady(key, doing.visit, {"display": ":99"})
    if run.state == "broadcast/recovering":
        return events.TimerFired(run.state, run.visits[run.state], "wait")
    if run.state.startswith("broadcast/pushing/on_air"):
        key = "broadcast/pushing:encoder"
        return None if deaths else events.ActivityExited(key, run.activities[key].visit, "killed")
    if run.attempt is not None and run.attempt.number == 0:
        return events.TimerFired(run.state, run.visits[run.state], "again")
    outcome, value = _RESULTS[run.state]
    number = run.attempt.number if run.attempt else 1
    return events.ActionFinished(run.state, run.visits[run.state], number, outcome, value)


def _fresh(flow: Flow) -> Run:
    inputs = {name: declared.schema.get("default") for name, declared in flow.inputs.items()}
    return Run("bench", flow.name, flow.digest, inputs)


def bare(flow: Flow) -> tuple[_BareMachine, Any]:
    """The same states and routes in `transitions` alone; guards always hold."""

    class Model:
        state = flow.initial

    def nested(state: State) -> dict[str, Any]:
        answer: dict[str, Any] = {"name": state.name}
        if isinstance(state, CompositeState):
            answer["children"] = [nested(flow.states[child]) for child in state.children]
            answer["initial"] = flow.states[state.initial].name
        return answer

    machine = _BareMachine(
        model=None,
        states=[nested(state) for state in flow.states.values() if not state.parent],
        initial=flow.initial,
        auto_transitions=False,
        send_event=True,
    )
    for state in flow.states.values():
        for event, routes in state.routes.items():
            machine.add_transition(event, state.path, routes[0].to)
    return machine, Model()


def main() -> None:
    """Measure and print."""
    laps, rounds = (1, 1) if quick(__doc__ or "") else (_LAPS, _ROUNDS)
    path = locate.find("go-live.yaml")
    flow = load_flow(path.read_text(encoding="utf-8"), str(path))
    machine = Machine(flow)
    steps = recorded(flow, machine)
    bare_machine, model = bare(flow)
    triggers = [(run.state, _trigger(event)) for run, event in steps]

    def ours() -> None:
        for run, event in steps:
            machine.step(run, event, 0.0)

    def theirs() -> None:
        for state, trigger in triggers:
            model.state = state
            bare_machine.trigger_event(model, trigger)

    mine, other = alternating([_timed(ours, len(steps), laps), _timed(theirs, len(steps), laps)], rounds)
    rows = [
        ("bare transitions", f"{other * 1e6:.0f} µs", "1.00 x"),
        ("engine step", f"{mine * 1e6:.0f} µs", f"{mine / other:.2f} x"),
    ]
    show("engine", rows, {"transitions": len(steps), "step": mine / other})


def _trigger(event: events.Event) -> str:
    if isinstance(event, events.ActionFinished):
        return event.outcome
    return "encoder.exited" if isinstance(event, events.ActivityExited) else "done"


def _timed(work: Callable[[], None], steps: int, laps: int) -> Callable[[], float]:
    def measure() -> float:
        begun = time.perf_counter()
        for _ in range(laps):
            work()
        return (time.perf_counter() - begun) / (laps * steps)

    return measure


if __name__ == "__main__":
    main()
