"""Journal records of events and commands: JSON objects with `t`, `event` and further fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from retake_flow.redact import MASK, Secret, bears_secret, scrub
from retake_flow.run import commands, events

Record = dict[str, Any]

#: The version of the record format; readers refuse newer ones.
VERSION = 1
_NAMES = frozenset({"state", "activity", "gate", "place", "action", "outcome", "purpose", "kind", "phase", "run"})

#: The kinds of records that this version writes.
KINDS = frozenset(
    {
        *("run_started", "run_resumed", "run_suspended", "run_handed_over", "run_upgraded", "run_ended"),
        *("state_entered", "state_left", "extended", "timer_fired", "ignored", "dropped", "clock_stepped", "account"),
        *("action_started", "action_in_question", "action_looked_up", "action_finished", "retry_scheduled"),
        *("activity_started", "activity_ready", "activity_result", "activity_failed", "activity_ended"),
        *("gate_opened", "gate_reminder", "gate_escalated", "gate_answered", "gate_expired", "gate_closed"),
        *("event_raised", "event_refused", "stop_requested", "say_requested", "said", "scene_set", "scene_refused"),
        *("chat_message", "chat_deed", "chat_sent", "chat_undelivered", "chat_unanswered", "chat_unsaid"),
        *("chat_unspoken", "chat_unreadable", "chat_gap", "chat_closed", "chat_oneself", "chat_realtime"),
        *("responder_said", "responder_used", "responder_failed", "program_said", "page_refused", "page_replaced"),
        *("undo_started", "undo_finished", "notice", "notice_sent", "notice_failed", "sound_silent", "output_failed"),
        *("error", "record_damaged"),
    }
)

# Records with text from people and flows, where a secret may appear in any form; a search for every form takes time.
_TYPED = frozenset(
    {
        *("say_requested", "said", "chat_unspoken", "event_raised", "event_refused", "gate_answered", "stop_requested"),
        *("action_started", "action_in_question", "activity_started", "responder_said", "program_said", "scene_set"),
        "scene_refused",
    }
)


def record(name: str, at: float, /, **fields: Any) -> Record:
    """A record of an event at `at` (seconds since the epoch), free of secrets."""
    text = _closely if name in _TYPED else _text
    plainly = {key: value if _is_name(key, value) else plain(value, text) for key, value in fields.items()}
    return {"t": timestamp(at), "event": name, **plainly}


def _is_name(field: str, value: Any) -> bool:
    """Whether a field holds a name from the flow or from us, not to be masked by a secret that is an ordinary word."""
    return field in _NAMES and isinstance(value, str) and value.isascii()


def timestamp(at: float) -> str:
    """ISO-8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any, text: Callable[[str], str] | None = None) -> Any:
    """Plain JSON data with every secret masked.

    Args:
        value: Any value.
        text: Masks secrets in a text; by default only those that appear verbatim.
    """
    text = text or _text
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {text(str(key)): plain(item, text) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, text) for item in value]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    return text(str(value))


def _text(text: str) -> str:
    # Lone surrogates, which can come from a command line or JSON text, have no UTF-8 form.
    return scrub(text if text.isascii() else text.encode("utf-8", "replace").decode())


def _closely(text: str) -> str:
    """A text with its secrets masked; fully masked if it contains a split or encoded one."""
    scrubbed = _text(text)
    return MASK if bears_secret(scrubbed) else scrubbed


def of_event(event: events.Event, at: float, failures: int = 0) -> list[Record]:
    """The records of an event; none for events whose consequences are recorded instead."""
    match event:
        case events.ActionFinished():
            common = {"state": event.state, "visit": event.visit, "attempt": event.attempt}
            finished = record("action_finished", at, **common, outcome=event.outcome, result=event.value)
            return [*of_notes(event.notes, at), finished]
        case events.ActionFailed():
            common = {"state": event.state, "visit": event.visit, "attempt": event.attempt}
            outcome = record("action_finished", at, **common, outcome=f"error.{event.kind}")
            return [outcome, _error(event.state, event, at, failures)]
        case events.StopRequested():
            return [record("stop_requested", at, reason=event.reason)]
        case events.Raised():
            asked = {"by": event.by} if event.by else {}
            by_request = {"request": event.request} if event.request else {}
            return [record("event_raised", at, name=event.name, data=event.data, **asked, **by_request)]
        case events.TimerFired() if event.purpose != "again":
            return [record("timer_fired", at, state=event.state, visit=event.visit, purpose=event.purpose)]
        case events.ActionNotDone() | events.ActionInDoubt():
            common = {"state": event.state, "visit": event.visit, "attempt": event.attempt}
            done = False if isinstance(event, events.ActionNotDone) else None
            return [record("action_looked_up", at, **common, done=done)]
        case events.Started() | events.TimerFired() | events.GateAnswered() | events.Resumed():
            return []
        case _:
            return _of_activity(event, at)


def _of_activity(event: events.Event, at: float) -> list[Record]:
    match event:
        case events.ActivityReady():
            return [record("activity_ready", at, activity=event.activity, visit=event.visit, value=event.value)]
        case events.ActivityResulted():
            common = {"activity": event.activity, "visit": event.visit}
            result = record("activity_result", at, **common, outcome=event.outcome, result=event.value)
            raised = [record("event_raised", at, name=n, data=data, by=event.activity) for n, data in event.raised]
            return [*of_notes(event.notes, at), result, *raised]
        case events.ActivityExited():
            common = {"activity": event.activity, "visit": event.visit}
            return [record("activity_ended", at, **common, outcome="exited", reason=event.reason)]
        case events.ActivityFailed():
            name = "activity_failed" if event.again else "activity_ended"
            ended = record(name, at, activity=event.activity, visit=event.visit, outcome=f"error.{event.kind}")
            return [ended, _error(event.activity, event, at, event.failures)]
    return []


def of_notes(notes: Iterable[events.Noted], at: float) -> list[Record]:
    """The records that an action writes."""
    return [record(name, at, **fields) for name, fields in notes]


def _error(place: str, event: events.ActionFailed | events.ActivityFailed, at: float, failures: int) -> Record:
    passing = {"failures": failures} if failures else {}
    return record("error", at, place=place, kind=event.kind, message=event.message, hint=event.hint, **passing)


def of_command(command: commands.Command, at: float) -> Record | None:
    """The record of a command, written before it is executed; None if it needs no record."""
    match command:
        case commands.Enter():
            return record("state_entered", at, state=command.state, visit=command.visit)
        case commands.Leave():
            return record("state_left", at, state=command.state, visit=command.visit)
        case commands.StartAction():
            return record(
                "action_in_question" if command.look_up else "action_started",
                at,
                state=command.state,
                visit=command.visit,
                attempt=command.attempt,
                action=command.do,
                inputs=command.inputs,
            )
        case commands.StartActivity():
            return record(
                "activity_started",
                at,
                activity=command.activity,
                visit=command.visit,
                action=command.do,
                inputs=command.inputs,
            )
        case commands.Note():
            return record(command.event, at, **command.fields)
    return None
