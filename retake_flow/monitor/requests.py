"""Requests: sends requests to runs that other processes drive, and finds the responses in their journals."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from retake_flow.errors import UsageError
from retake_flow.monitor.following import Polling
from retake_flow.ports.runs import READY_WITHIN, RequestKind, Runs, Stored
from retake_flow.redact import bears_secret
from retake_flow.run.errors import EventNotNow, EventRefused, RunBusy, RunEnded, RunMoved, RunUnheard
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run
from retake_flow.sanitize import one_line, strip_controls
from retake_flow.wiring.storing import load_with_driver

#: How long a process may take to notice a request, in seconds; it checks several times a second.
HEARD_WITHIN = 10.0
#: The length of a text to say, in characters: as many as are spoken.
LONGEST = 500
#: The length of a text on the stage, in characters.
LONGEST_SHOWN = 300


def why_undriven(store: Runs, run: str) -> str:
    """Why no process would notice a request to a run; "" if one would, including the next host that takes the run."""
    stored, driven = load_with_driver(store, run)
    if stored.run.has_ended:
        return ending(stored.run)
    if stored.holder is not None and stored.holder.has_moved:
        return RunMoved(run, stored.holder.host).message
    between_hosts = stored.submitted and stored.run.phase in (Phase.RUNNING, Phase.WAITING)
    if stored.run.phase is Phase.SUSPENDED or not (between_hosts or driven):
        return f"no process drives {run}; {_goes_on(stored)}"
    return ""


def _goes_on(stored: Stored) -> str:
    """How a run without a process can continue."""
    if not stored.submitted:
        return f"resume it with `retake-flow resume {stored.run.id}`"
    parked = stored.run.phase is Phase.SUSPENDED
    return "a worker does once it is answered" if parked else "a worker will, and `retake-flow runs` says why it waits"


def ending(run: Run) -> str:
    """How a run ended."""
    return f"{run.id} has ended: {run.outcome} in {run.state or 'no state'}"


def require_driver(store: Runs, run: str) -> None:
    """Make sure that a process can notice a request to a run.

    Raises:
        RunEnded: The run has ended.
        RunUnheard: No process drives the run.
    """
    if reason := why_undriven(store, run):
        raise (RunEnded if store.load(run).run.has_ended else RunUnheard)(reason)


@dataclass
class SentRequest:
    """A request that was sent to a run."""

    store: Runs
    run: str
    number: int
    _read: int

    @classmethod
    def send(cls, store: Runs, run: str, what: RequestKind, data: Mapping[str, Any]) -> SentRequest:
        """Send a request to a run."""
        read = store.journal(run, last=1)[-1:]
        return cls(store, run, store.request(run, what, data), read[0][0] if read else 0)

    def wait_for_record(self, names: Container[str], polling: Polling) -> Record | None:
        """The first record with one of these names that answers the request; None when there is none in time.

        The wait ends early when no process drives the run any more.
        """
        while True:
            gone = why_undriven(self.store, self.run)
            for number, record in self.store.journal(self.run, self._read):
                self._read = number
                if record.get("request") == self.number and record["event"] in names:
                    return record
            if gone or not polling.wait_for_next():
                return None


def text_to_say(given: str) -> str:
    """A text to say.

    Raises:
        UsageError: The text is empty or too long.
    """
    text = given.strip()
    if len(text) > LONGEST:
        raise UsageError(f"that is longer than {LONGEST} characters", hint="say it in several pieces")
    text = strip_controls(text).strip()
    if not text:
        raise UsageError("there is nothing to say")
    return text


def text_to_show(given: str) -> str:
    """A text for the stage, on one line; "" withdraws the last one.

    Raises:
        UsageError: The text is too long, or contains a secret that this process knows.
    """
    text = one_line(given).strip()
    if len(text) > LONGEST_SHOWN:
        raise UsageError(f"that is longer than {LONGEST_SHOWN} characters", hint="say it in fewer words")
    if bears_secret(text):
        raise UsageError("it contains a secret", hint="say it without")
    return text


def ask_to_say(store: Runs, run: str, data: dict[str, Any], within: float) -> dict[str, Any]:
    """Ask the run to say it, and return the result."""
    answer: dict[str, Any] = {"said": False, "effect": "none", "how": [], "failed": {}}
    answer["reason"] = why_undriven(store, run)
    if answer["reason"]:
        return answer
    asked = SentRequest.send(store, run, "say", data)
    taken_within = min(within, READY_WITHIN + HEARD_WITHIN)
    taking = Polling(taken_within)
    if asked.wait_for_record(("say_requested",), taking) is None:
        return answer | _without_answer(store, run, not_taken(run, taken_within))
    record = asked.wait_for_record(("said",), Polling(within - taken_within + taking.left))
    if record is None:
        return answer | _without_answer(
            store, run, f"{run} has not finished it within {within:g} s; it may still do so"
        )
    answer.update({name: record[name] for name in ("how", "failed", "reason")})
    # Without a requested way, one way is enough.
    answer["said"] = bool(record["how"]) and not (record["failed"] and data["ways"])
    answer["effect"] = "done" if answer["said"] else "partly" if record["how"] else "none"
    return answer


def not_taken(run: str, within: float | None = None) -> str:
    """A message that the process of a run has not responded to a request; `within` defaults to `HEARD_WITHIN`."""
    return f"{run} has not taken it within {HEARD_WITHIN if within is None else within:g} s; it may still do so"


def _without_answer(store: Runs, run: str, waiting: str) -> dict[str, Any]:
    """The outcome of a request without an answer."""
    reason = why_undriven(store, run)
    return {"effect": "none" if reason else "queued", "reason": reason or waiting}


def send_event(store: Runs, run: str, event: dict[str, Any]) -> None:
    """Send the event, and wait until the run takes it.

    Raises:
        EventRefused: The run does not take the event, or not now.
        RunBusy: The process that drives the run has not taken it yet.
        RunUnheard: No process drives the run.
    """
    require_driver(store, run)
    sent = SentRequest.send(store, run, "event", event)
    record = sent.wait_for_record(("event_raised", "event_refused"), Polling(HEARD_WITHIN))
    if record is None:
        require_driver(store, run)
        raise RunBusy(not_taken(run))
    if record["event"] == "event_refused":
        refused = EventNotNow if record.get("kind") == EventNotNow.kind else EventRefused
        raise refused(record["message"], hint=record["hint"])
