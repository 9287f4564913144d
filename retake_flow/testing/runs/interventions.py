"""Events from outside a rehearsed run: interventions, answers, the death of its process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import RetakeFlowError
from retake_flow.ports.runs import RequestKind, Runs
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.run import answers
from retake_flow.run.errors import GateUnknown
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.testing.fakes.studio import FakeStudio

#: The name of a rehearsed run.
RUN = "rehearsed"


@dataclass(frozen=True, slots=True)
class Scene:
    """The parts of a rehearsed run that interventions act on.

    Attributes:
        runner: The runner that drives the run, or drove it last.
        studio: The studio.
        platform: The rehearsed retake.tv.
        runs: The store of the run.
        refused: The messages to those whose answers were refused.
    """

    runner: Runner
    studio: FakeStudio
    platform: Platform
    runs: Runs
    refused: list[str]
    sitting: asyncio.Task[Run]

    def crash(self) -> None:
        """Kill the process that drives the run, as with kill -9."""
        self.sitting.cancel()

    def ask(self, what: RequestKind, **data: Any) -> None:
        """Send a request to the run from another process."""
        self.runs.request(RUN, what, data)

    def answer(self, place: str, given: Mapping[str, str], *, decision: str = "", by: str = "ann") -> None:
        """Answer a question from another process.

        Args:
            place: The place that asks: a state or an activity, or the end of its name.
            given: The fields.
            decision: The named decision, if there are several.
            by: The person who answers.
        """
        now = self.platform.now() - self.platform.options.clock
        asked = self.runs.load(RUN).run.gates.values()
        gate = next((gate for gate in asked if re.search(rf"(^|[/:]){re.escape(place)}$", gate.place)), None)
        try:
            if gate is None:
                raise GateUnknown(f"{RUN} does not ask {place!r}")
            kept = answers.answer(gate, given, decision=decision, by=by, channel="command", at=now)
            self.runs.answer(RUN, gate.id, kept)
        except RetakeFlowError as error:
            self.refused.append(f"{by}: {error.message}")


@dataclass(frozen=True, slots=True)
class Intervention:
    """An intervention, `after` so many seconds from the record that it waits for.

    Attributes:
        awaits: Whether a record is the one.
        times: How often it happens.
    """

    awaits: Callable[[Record], bool]
    after: float
    do: Callable[[Scene], None]
    times: int = 1


def entering(state: str) -> Callable[[Record], bool]:
    """Waits for a state to be entered: a path, or the end of it; "" is the start of the run."""

    def awaits(record: Record) -> bool:
        if not state:
            return bool(record["event"] == "run_started")
        return record["event"] == "state_entered" and f"/{record['state']}".endswith(f"/{state}")

    return awaits


def asking(place: str) -> Callable[[Record], bool]:
    """Waits for a question: of a state or an activity, or the end of its name."""
    pattern = re.compile(rf"(^|[/:]){re.escape(place)}\.\d+$")

    def awaits(record: Record) -> bool:
        return record["event"] == "gate_opened" and bool(pattern.search(record["gate"]))

    return awaits


class Prompter:
    """Listens to the journal and intervenes in time."""

    def __init__(self, interventions: list[Intervention], scene: Callable[[], Scene]) -> None:
        self._waiting = list(interventions)
        self._scene = scene

    def on_record(self, record: Record) -> None:
        """Start the interventions that waited for this record."""
        for due in [waiting for waiting in self._waiting if waiting.awaits(record)]:
            self._waiting.remove(due)
            if due.times > 1:
                self._waiting.append(replace(due, times=due.times - 1))
            asyncio.get_running_loop().call_later(due.after, self._do, due)

    def _do(self, due: Intervention) -> None:
        due.do(self._scene())
