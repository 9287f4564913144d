"""Recovery: resumes a run whose process is gone, and repeats, looks up, asks about or fails what had begun."""

from __future__ import annotations

from dataclasses import replace

from retake_flow.engine.core import gates
from retake_flow.engine.core.step import Macrostep
from retake_flow.errors import ExpressionError, fault_of
from retake_flow.flow.action_spec import ActionSpec, Catalogue, Idempotency
from retake_flow.flow.model import ActionState, Activity
from retake_flow.run.events import Resumed
from retake_flow.run.gates import Gate
from retake_flow.run.run import ActivityState, Run, Work

_DIED = "it ended with the process that drove the run"
_DEFAULTS = {Idempotency.SAFE: "retry", Idempotency.VERIFY: "verify", Idempotency.ONCE: "fail"}


def resume(macrostep: Macrostep, catalogue: Catalogue, event: Resumed) -> None:
    """Resume a run from its snapshot.

    Services ended with the process. Those that may be retried start again; the others count as exited, outermost
    first, which leaves the states that depend on them. The states still active after that begin again or are settled.
    """
    was = event.was
    running = [activity for activity in _activities(macrostep, was) if activity.ask is None]
    for activity in running:
        if _is_untouched(macrostep, was, activity) and _is_lost(activity, catalogue):
            doing = was.activities[activity.key]
            macrostep.set_activity(activity.key, ActivityState(doing.visit, Work.ENDED))
            macrostep.signal({"source": activity.key, "reason": _DIED}, (f"{activity.name}.exited", ""))
            macrostep.settle()
    for activity in running:
        if not macrostep.run.has_ended and _is_untouched(macrostep, was, activity):
            _begin_again(macrostep, was.activities[activity.key].visit, activity, catalogue)
    macrostep.settle()
    if macrostep.run.has_ended:
        return
    macrostep.mark_driven()
    macrostep.begin_activities()
    for (place, purpose), due in sorted(was.timers.items(), key=lambda timer: timer[1]):
        if macrostep.run.timers.get((place, purpose)) == due:
            macrostep.set_timer(place, purpose, due)
    state = macrostep.flow.states[macrostep.run.state]
    if macrostep.run.attempt is None:
        macrostep.begin_action()
    elif isinstance(state, ActionState) and macrostep.run.attempt is was.attempt and was.attempt.open:
        _settle_action(macrostep, state, catalogue, event.begun)


def ask(macrostep: Macrostep, state: ActionState, message: str) -> None:
    """Ask a person whether an action that was in progress when the process died was done."""
    visit = macrostep.visit(state.path)
    text = (
        f"{message}.\nWas it done? `done` continues as if it were, `again` does it now, `give_up` counts it as failed."
    )
    gate = Gate(f"{state.path}.{visit}", state.path, visit, text, {}, gates.AFTER_CRASH, macrostep.now)
    if macrostep.run.attempt is not None:  # from now on a person decides, even if this process dies too
        macrostep.run.attempt = replace(macrostep.run.attempt, open=False)
    macrostep.mark_waiting()
    gates.put(macrostep, gate)


def apply_answer(macrostep: Macrostep, state: ActionState, catalogue: Catalogue, decision: str) -> None:
    """Apply a person's answer about an action that was in progress when the process died."""
    macrostep.mark_driven()
    if decision == "again":
        macrostep.try_action(state)
    elif decision == "done":
        spec = catalogue.get(state.do)
        macrostep.run.outputs = {**macrostep.run.outputs, state.path: {}}
        macrostep.signal({"source": state.path, "result": {}}, (spec.outcomes[0] if spec else "done", ""))
    else:
        _fail(macrostep, state, "error.interrupted")


def _activities(macrostep: Macrostep, was: Run) -> list[Activity]:
    """The activities of the states that were active, outermost first."""
    around = reversed(list(macrostep.flow.around(was.state)))
    return [activity for state in around for activity in state.activities.values()]


def _is_untouched(macrostep: Macrostep, was: Run, activity: Activity) -> bool:
    """Whether an activity was at work and is unchanged since."""
    doing = was.activities.get(activity.key)
    at_work = doing is not None and doing.work in (Work.STARTING, Work.READY)
    return at_work and macrostep.run.activities.get(activity.key) is doing


def _is_lost(activity: Activity, catalogue: Catalogue) -> bool:
    spec = catalogue.get(activity.do)
    return spec is not None and spec.service and activity.retry is None


def _begin_again(macrostep: Macrostep, visit: int, activity: Activity, catalogue: Catalogue) -> None:
    """Begin an activity again, unless it may be done only once and may already be done."""
    spec = catalogue.get(activity.do)
    once = activity.every is None and spec is not None and not spec.service
    if once and _policy(activity.on_crash, spec) != "retry":
        macrostep.set_activity(activity.key, ActivityState(visit, Work.ENDED))
        _fail(macrostep, activity, f"{activity.name}.error.interrupted", "error.interrupted", scope=activity.scope)
    else:
        macrostep.set_activity(activity.key, ActivityState(visit, Work.WAITING))


def _settle_action(macrostep: Macrostep, state: ActionState, catalogue: Catalogue, begun: bool) -> None:
    policy = _policy(state.on_crash, catalogue.get(state.do)) if begun else "retry"
    if policy == "retry":
        macrostep.try_action(state)
    elif policy == "verify":
        try:
            macrostep.look_up(state)
        except ExpressionError as error:  # its inputs may need the event that led there, which is gone
            ask(macrostep, state, f"{state.do} in {state.path} cannot be looked up: {error.message}")
    elif policy == "ask":
        ask(macrostep, state, f"The process ended while {state.do} was under way in {state.path}")
    else:
        _fail(macrostep, state, "error.interrupted")


def _policy(on_crash: str, spec: ActionSpec | None) -> str:
    return on_crash or _DEFAULTS[spec.idempotency if spec else Idempotency.ONCE]


def _fail(macrostep: Macrostep, doing: ActionState | Activity, *events: str, scope: str = "") -> None:
    message = f"the process ended while {doing.do} was under way; it is not known whether it was done"
    origins = ["" if number == 0 else scope for number in range(len(events))]
    error = {"source": doing.key, "kind": "interrupted", "fault": fault_of("interrupted"), "message": message}
    macrostep.signal(error, *zip(events, origins, strict=True))
