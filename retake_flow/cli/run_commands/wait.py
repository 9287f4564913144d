"""`retake-flow wait` and `status`: wait until something happens in a run, and show its status."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from retake_flow.cli import terminal
from retake_flow.errors import RetakeFlowError, UsageError
from retake_flow.monitor import brief
from retake_flow.monitor.following import Following
from retake_flow.ports.runs import ReadableRuns
from retake_flow.run.records import KINDS, Record
from retake_flow.wiring.storing import readable_run

_STATES = ("on-air", "gate", "message", "ended")


def wait(args: argparse.Namespace) -> int:
    """Wait for a run.

    The exit code is 0 once a condition is met, 1 if none is met in time or can still be met, and 4 if the run waits for
    a person instead.

    Raises:
        UsageError: A condition can never be met.
    """
    with readable_run(args.run) as (store, run):
        followed = Following(store, run, args.after)
        _require_possible((word for word in args.until if word not in _STATES), store, followed)
        condition = _Condition(args.until, followed.figures.number if args.after is None else args.after)
        followed.until(condition.is_settled, args.within)
        found = brief.brief(followed)
        told = {"met": condition.met, "event": condition.record, "last": followed.figures.number, **found}
        said = condition.met or ("it cannot happen now" if condition.hopeless else "not in time")
        told["next"] = brief.next_commands(followed)
        terminal.tell(told, [said, *brief.lines(found)], as_json=args.json)
        return 0 if condition.met else 4 if followed.gates else 1


def _require_possible(names: Iterable[str], store: ReadableRuns, followed: Following) -> None:
    """Make sure that each name is that of a record, or of an event that the flow of the run can raise.

    Raises:
        UsageError: One is not, so that it would never come.
    """
    unknown = [name for name in names if name not in KINDS]
    # Older versions wrote other records, and another version of the flow may have raised other events.
    records = [record for _, record in store.journal(followed.run)] if unknown else []
    known = {name for record in records for name in (record["event"], record.get("name"))}
    unknown = [name for name in unknown if name not in known]
    if not unknown:
        return
    # Only a name that is none of a record needs the flow, which takes long to read.
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.engine.core.external_events import accepted_events
    from retake_flow.flow.action_spec import with_own
    from retake_flow.flow.diagnostics import did_you_mean
    from retake_flow.flow.load.load import load_stored
    from retake_flow.flow.text.bundle import parse

    try:
        flow = load_stored(parse(followed.stored.flow_text))
    except (RetakeFlowError, KeyError):
        return  # which events it can raise is not known
    catalogue = with_own(flow, CATALOGUE)
    specs = (catalogue[activity.do] for activity in flow.activities() if activity.do in catalogue)
    events = {*accepted_events(flow), *(event for spec in specs for event in spec.events)}
    for name in unknown:
        if name not in events:
            listed = ", ".join(sorted(events)) or "none"
            expected = f"expected: {', '.join(_STATES)}, a kind of record, or an event of the flow: {listed}"
            near = did_you_mean(name, {*_STATES, *KINDS, *events}, otherwise=expected)
            hint = near if near == expected else f"{near} {expected}"
            raise UsageError(f"{name!r} never comes in a run of the flow {flow.name!r}", hint=hint)


class _Condition:
    """The conditions to wait for.

    Attributes:
        met: The condition that is met, as the user wrote it; None while none is.
        record: The record that meets it, with its number; None for a condition about the state of the run.
        hopeless: Whether none can be met any more: the run has ended, or waits for a person without a process.
    """

    def __init__(self, words: list[str], after: int) -> None:
        self._words = words
        self._after = after
        self.met: str | None = None
        self.record: Record | None = None
        self.hopeless = False

    def is_settled(self, followed: Following) -> bool:
        """Whether a condition is met, or none can be met any more."""
        for word in self._words:
            if self._holds(word, followed):
                self.met = word
                return True
        ended = followed.stored.run.has_ended and ("ended" not in self._words or not followed.driven)
        self.hopeless = ended or (bool(followed.gates) and not followed.driven)
        return self.hopeless

    def _holds(self, word: str, followed: Following) -> bool:
        match word:
            case "on-air":
                return followed.on_air
            case "gate":
                return bool(followed.gates)
            case "ended":
                return followed.over
        for number, record in followed.records.items():
            if number > self._after and _matches(record, word):
                self.record = {"number": number, **record}
                return True
        return False


def _matches(record: Record, word: str) -> bool:
    """Whether a record meets a condition, as the user wrote it."""
    if word == "message":
        word = "chat_message"
    return word == record["event"] or (record["event"] == "event_raised" and word == record.get("name"))


def status(args: argparse.Namespace) -> int:
    """Show the status. The exit code is 0, 1 if the run has failed, and 4 if it waits for a person."""
    with readable_run(args.run) as (store, run):
        followed = Following(store, run)
        if args.json:
            terminal.emit(brief.status(followed))
        else:
            for line in brief.lines(brief.brief(followed)):
                terminal.say(line)
        return brief.exit_code(followed)
