"""Records of the journal: JSON objects with `t`, `event` and further fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from retake_flow.redact import MASK, Secret, bears_secret, scrub

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
    fields = {key: value if _is_name(key, value) else masked(value, text) for key, value in fields.items()}
    return {"t": timestamp(at), "event": name, **fields}


def _is_name(field: str, value: Any) -> bool:
    """Whether a field holds a name from the flow or from us, not to be masked by a secret that is an ordinary word."""
    return field in _NAMES and isinstance(value, str) and value.isascii()


def timestamp(at: float) -> str:
    """ISO-8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> float:
    """The time that `timestamp` has written, in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def masked(value: Any, text: Callable[[str], str] | None = None) -> Any:
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
        return {text(str(key)): masked(item, text) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item, text) for item in value]
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


def record_to_stored(record: Record, ahead: float) -> Record:
    """A record with dates of the wall clock, from one with times of a run that is `ahead` of it."""
    if not ahead:
        return record
    found = {**_with_due(record, ahead), "t": timestamp(parse_timestamp(record["t"]) - ahead), "ahead": ahead}
    if "gates" in record:
        found["gates"] = [_with_due(gate, ahead) for gate in record["gates"]]
    return found


def record_to_run_time(record: Mapping[str, Any]) -> float:
    """The time of a record on the run's own clock, in seconds since the epoch, to measure durations between records."""
    ahead: float = record.get("ahead", 0.0)
    return parse_timestamp(record["t"]) + ahead


def _with_due(gate: Record, ahead: float) -> Record:
    return {**gate, "due": timestamp(parse_timestamp(gate["due"]) - ahead)} if gate.get("due") else dict(gate)
