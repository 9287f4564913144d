"""One run of a flow with mocked actions, driven step by step in virtual time by a scenario."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from retake_flow.actions.registry import CATALOGUE
from retake_flow.engine.core.chart import Chart
from retake_flow.engine.core.machine import Machine
from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.load.inputs import resolve
from retake_flow.flow.model import Flow
from retake_flow.flow.names import is_called
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.testing.runs.mocked import MockedAnswers
from retake_flow.testing.runs.observed import Unmet
from retake_flow.whatif.plan import samples
from retake_flow.whatif.simulate.mocks import Mocks
from retake_flow.whatif.simulate.simulation import MOST_IN_A_LINE, Simulation

#: The place of a mistake in the line of a script, which a scenario does not show.
_WHERE: Final = re.compile(r"^(answer|result|error|event|advance)(\.\w+)*: ")


_MOST_CHARTS = 16
_charts: OrderedDict[str, Chart] = OrderedDict()


def machine_of(flow: Flow) -> Machine:
    """The machine of a flow; flows with the same sources share a chart, which takes long to build."""
    chart = _charts.pop(flow.digest, None) or Chart(flow)
    _charts[flow.digest] = chart
    if len(_charts) > _MOST_CHARTS:
        _charts.popitem(last=False)
    return Machine(flow, CATALOGUE, chart)


@dataclass(slots=True)
class Premise:
    """The premise of a scenario.

    Attributes:
        flow: The flow.
        inputs: Its inputs, as on the command line.
        mocks: Makes the results of actions that the scenario does not mention.
        machine: Makes the machine of a flow.
        python: Whether functions of the flow may run: the operator trusts them.
    """

    flow: Flow
    inputs: dict[str, Any]
    mocks: Callable[[Flow], Mocks] = lambda flow: Mocks()
    machine: Callable[[Flow], Machine] = machine_of
    python: bool = True


class Trial:
    """A run that advances only as far as the scenario says.

    Attributes:
        premise: The premise of the scenario.
        answers: The results of its actions.
        journal: The records so far.
    """

    def __init__(self, premise: Premise, most: int = MOST_IN_A_LINE) -> None:
        """Prepare to run; the flow must be set.

        Args:
            premise: The premise of the scenario.
            most: How many records may be written while waiting.
        """
        self._most = most
        self.flow = samples.with_samples(premise.flow)
        self.answers = MockedAnswers(premise.flow, CATALOGUE, premise.mocks(premise.flow))
        self.journal: list[Record] = []
        self.premise = premise
        self._simulation: Simulation | None = None
        self._seen: Mapping[str, Any] = {}

    @property
    def run(self) -> Run:
        """The run as it is now."""
        return self._require_simulation().run

    def begin(self) -> None:
        """Begin, and do everything that takes no time.

        Raises:
            UsageError: The run has already begun.
            InputError: An input is missing or wrong.
        """
        if self._simulation is not None:
            raise UsageError("the flow runs already", hint="a scenario runs the flow once; write another scenario")
        inputs = resolve(self.flow, self.premise.inputs)
        machine = self.premise.machine(self.flow)
        self._simulation = Simulation(self.flow, inputs, self.answers, CATALOGUE, machine=machine, listeners=[self])
        self._seen = self._simulation.start()
        self._require_an_end()

    def on_record(self, record: Record) -> None:
        """Keep a record."""
        self.journal.append(record)

    def apply(self, happening: Mapping[str, Any]) -> None:
        """Make something happen, given as a line of a script for `simulate`.

        Raises:
            UsageError: It cannot happen now.
        """
        self._seen = self._require_simulation().take(json.dumps(happening).encode(), 1)
        error = self._seen.get("error")
        if error:
            asked = ", ".join(self.run.gates)
            hint = f"it asks: {asked}" if "answer" in happening and asked else error["hint"]
            raise UsageError(_WHERE.sub("", error["message"]), hint=hint)
        self._require_an_end()

    def until(self, state: str) -> None:
        """Let time pass until a state is active, or was entered meanwhile.

        Args:
            state: The state's path, or the end of it.

        Raises:
            UsageError: There is no such state.
            Unmet: The state is never reached by itself.
        """
        self.require_state(state)
        heard = len(self.journal)

        def has_reached() -> bool:
            nonlocal heard
            new, heard = self.journal[heard:], len(self.journal)
            entered = (record["state"] for record in new if record["event"] == "state_entered")
            return self.within(state) or any(is_called(path, state) for path in entered)

        self._pass(has_reached, f"to come to {state!r}")

    def to_the_end(self) -> None:
        """Let time pass until the run has ended.

        Raises:
            Unmet: The run never ends by itself.
        """
        self._pass(lambda: self.run.has_ended, "to come to its end")

    def within(self, state: str) -> bool:
        """Whether a state is active: the innermost one, or one around it."""
        return bool(self.run.state) and any(
            is_called(around.path, state) for around in self.flow.around(self.run.state)
        )

    def require_state(self, state: str) -> None:
        """Check that there is such a state.

        Raises:
            UsageError: There is no such state.
        """
        if state not in self.flow.states and not any(is_called(path, state) for path in self.flow.states):
            raise UsageError(f"the flow has no state {state!r}", hint=did_you_mean(state, self.flow.states))

    def close(self) -> None:
        """Leave the run where it is; none of it continues."""
        if self._simulation is not None:
            self._simulation.close()

    def _require_simulation(self) -> Simulation:
        if self._simulation is None:
            raise UsageError("nothing was run yet", hint="begin with `When the flow is run`")
        return self._simulation

    def _require_an_end(self) -> None:
        if self._require_simulation().endless:
            raise UsageError(self._require_simulation().endless)

    def _pass(self, there: Callable[[], bool], expected: str) -> None:
        """Let time pass, from one due event to the next, until a condition holds."""
        limit = len(self.journal) + self._most
        while not there():
            dues = [each["due"] for each in self._seen["queue"] if each["due"] is not None]
            if self.run.has_ended or not dues or len(self.journal) > limit:
                raise Unmet(expected, self._standstill(bool(dues)))
            self.apply({"advance": max(0.001, min(dues) - self._seen["time"])})

    def _standstill(self, busy: bool) -> str:
        where = f"at {self._seen['time']:g} s it is in {self.run.state!r}"
        if self.run.has_ended:
            return f"the run is {self.run.outcome}; {where}"
        waits = ", ".join(dict.fromkeys(each["place"] for each in self._seen["queue"])) or "nothing"
        return f"{where}, and still continues" if busy else f"{where}, and waits for: {waits}"
