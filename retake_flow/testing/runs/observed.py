"""The run that a scenario observes, whether its platform is rehearsed or its actions are mocked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from retake_flow.flow.model import Flow
from retake_flow.flow.names import is_called
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.whatif.virtual_time import EPOCH


class Observed(Protocol):
    """A run so far."""

    @property
    def flow(self) -> Flow:
        """The flow of the run."""

    @property
    def run(self) -> Run:
        """The run as it is now."""

    @property
    def journal(self) -> Sequence[Record]:
        """All its records."""


@dataclass(slots=True)
class Subject:
    """The subject of a scenario, once something was run.

    Attributes:
        of: The run.
    """

    of: Observed | None = None


class Unmet(AssertionError):
    """An expectation of a scenario is not met.

    Attributes:
        expected: What the scenario expects.
        got: What was found.
    """

    def __init__(self, expected: object, got: object) -> None:
        super().__init__(f"expected: {expected}\ngot: {got}")
        self.expected = str(expected)
        self.got = str(got)


def records(observed: Observed, *events: str, **fields: Any) -> list[Record]:
    """The records of these kinds, with these values."""
    return [r for r in observed.journal if r["event"] in events and fields.items() <= r.items()]


def seconds(record: Record) -> float:
    """The time of a record, in virtual seconds since the start."""
    return round(datetime.fromisoformat(record["t"]).timestamp() - EPOCH, 3)


def entered_states(observed: Observed) -> list[str]:
    """The paths of the states entered, in order."""
    return [record["state"] for record in records(observed, "state_entered")]


def performances(observed: Observed, name: str) -> list[Record]:
    """The performances of an action or at a place, in order; each round of a repeated activity counts.

    Args:
        observed: The run.
        name: An action, or a state or activity that performs one.
    """
    return [
        record
        for record in _performed_records(observed)
        if name in ("", record["action"]) or is_called(record["place"], name)
    ]


def _performed_records(observed: Observed) -> Iterator[Record]:
    activities = {activity.key: activity for activity in observed.flow.activities()}
    inputs: dict[str, Any] = {}
    for record in observed.journal:
        event = record["event"]
        if event in ("action_started", "undo_started"):
            yield {**record, "place": record["state"] if event == "action_started" else ""}
        elif event == "activity_started":
            inputs[record["activity"]] = record["inputs"]
            if activities[record["activity"]].every is None:
                yield {**record, "place": record["activity"]}
        elif event in ("activity_result", "activity_failed"):
            activity = activities[record["activity"]]
            if activity.every is not None:
                yield {**record, "action": activity.do, "place": activity.key, "inputs": inputs[activity.key]}


def messages(observed: Observed) -> list[str]:
    """The messages to the operator, in order."""
    notices = [record["message"] for record in records(observed, "notice")]
    notices += [record["message"] for record in records(observed, "undo_finished") if "message" in record]
    spoken = [record["inputs"]["message"] for record in records(observed, "action_started", action="operator.tell")]
    return notices + [text for text in spoken if text not in notices]
