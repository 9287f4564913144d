"""The records that the journal gets of events and commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from retake_flow.engine.driver.execute import SOON
from retake_flow.run import commands, events
from retake_flow.run.records import Record, record


def of_event(event: events.Event, following: Sequence[commands.Command], at: float) -> list[Record]:
    """The records of an event; none if those of the commands that follow from it say all."""
    match event:
        case events.ActionFinished():
            finished = record("action_finished", at, **_of_state(event), outcome=event.outcome, result=event.value)
            return [*of_notes(event.notes, at), finished]
        case events.ActionFailed():
            finished = record("action_finished", at, **_of_state(event), outcome=f"error.{event.kind}")
            return [finished, _error(event.state, event, at, _failures(following))]
        case events.ActionNotDone():
            return [record("action_looked_up", at, **_of_state(event), done=False)]
        case events.ActionInDoubt():
            return [record("action_looked_up", at, **_of_state(event), done=None)]
        case events.StopRequested():
            return [record("stop_requested", at, reason=event.reason)]
        case events.Raised():
            asked = {"by": event.by} if event.by else {}
            request = {"request": event.request} if event.request else {}
            return [record("event_raised", at, name=event.name, data=event.data, **asked, **request)]
        case events.TimerFired() if event.purpose != "again":
            return [record("timer_fired", at, state=event.state, visit=event.visit, purpose=event.purpose)]
        case events.Started() | events.TimerFired() | events.GateAnswered() | events.Resumed():
            return []
        case _:
            return _of_activity_event(event, at)


def _of_activity_event(event: events.Event, at: float) -> list[Record]:
    match event:
        case events.ActivityReady():
            return [record("activity_ready", at, **_of_activity(event), value=event.value)]
        case events.ActivityResulted():
            result = record("activity_result", at, **_of_activity(event), outcome=event.outcome, result=event.value)
            raised = [record("event_raised", at, name=n, data=data, by=event.activity) for n, data in event.raised]
            return [*of_notes(event.notes, at), result, *raised]
        case events.ActivityExited():
            return [record("activity_ended", at, **_of_activity(event), outcome="exited", reason=event.reason)]
        case events.ActivityFailed():
            name = "activity_failed" if event.again else "activity_ended"
            failed = record(name, at, **_of_activity(event), outcome=f"error.{event.kind}")
            return [failed, _error(event.activity, event, at, event.failures)]
    return []


def of_commands(wanted: Iterable[commands.Command], at: float) -> list[Record]:
    """The records of commands, written before these are executed."""
    return [found for found in (_of_command(command, at) for command in wanted) if found is not None]


def of_notes(notes: Iterable[events.Noted], at: float) -> list[Record]:
    """The records that an action writes."""
    return [record(name, at, **fields) for name, fields in notes]


def _of_command(command: commands.Command, at: float) -> Record | None:
    match command:
        case commands.Enter():
            return record("state_entered", at, state=command.state, visit=command.visit)
        case commands.Leave():
            return record("state_left", at, state=command.state, visit=command.visit)
        case commands.StartAction():
            name = "action_in_question" if command.look_up else "action_started"
            return record(name, at, **_of_state(command), action=command.do, inputs=command.inputs)
        case commands.StartActivity():
            return record("activity_started", at, **_of_activity(command), action=command.do, inputs=command.inputs)
        case commands.Note():
            return record(command.event, at, **command.fields)
    return None


def _of_state(work: events.ActionEvent | commands.StartAction) -> dict[str, Any]:
    return {"state": work.state, "visit": work.visit, "attempt": work.attempt}


def _of_activity(work: events.ActivityEvent | commands.StartActivity) -> dict[str, Any]:
    return {"activity": work.activity, "visit": work.visit}


def _error(place: str, event: events.ActionFailed | events.ActivityFailed, at: float, failures: int) -> Record:
    passing = {"failures": failures} if failures else {}
    return record("error", at, place=place, kind=event.kind, message=event.message, hint=event.hint, **passing)


def _failures(following: Sequence[commands.Command]) -> int:
    """How many times in a row an action that is retried soon has failed; 0 when there is none."""
    for command in following:
        if isinstance(command, commands.Note) and command.event == "retry_scheduled":
            return int(command.fields["failures"]) if command.fields["after"] <= SOON else 0
    return 0
