"""One run of a flow with mocked actions, driven step by step in virtual time by a scenario."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

from retake_flow.actions.registry import CATALOGUE
from retake_flow.engine.core.chart import Chart
from retake_flow.engine.core.machine import Machine
from retake_flow.errors import UsageError
from retake_flow.flow.action_spec import ActionSpec, Catalogue, with_own
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.load.inputs import resolve
from retake_flow.flow.model import Flow
from retake_flow.flow.names import is_called
from retake_flow.ports.actions import Call
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.testing.runs.observed import Unmet
from retake_flow.whatif.plan import samples
from retake_flow.whatif.simulate import mocks, script_fields
from retake_flow.whatif.simulate.mocks import EXITED, Mocks, Reply
from retake_flow.whatif.simulate.script_fields import InvalidField
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


_NEVER: Final = Reply("", after=float("inf"))


@dataclass(slots=True)
class _Replies:
    """The scenario's results for one action or place.

    Attributes:
        first: Results that are used once each, before all others.
        then: The results after them; the last repeats.
        after: The seconds that each takes.
    """

    first: list[Reply] = field(default_factory=list)
    then: list[Reply] = field(default_factory=list)
    after: float | None = None

    def next(self) -> Reply | None:
        """The next result; None if the scenario has none."""
        if self.first:
            return self.first.pop(0)
        if len(self.then) > 1:
            return self.then.pop(0)
        return self.then[0] if self.then else None


class MockedAnswers(Mocks):
    """The results of all actions of one scenario."""

    def __init__(self, flow: Flow, catalogue: Catalogue, mocks: Mocks) -> None:
        """Take the results of a mock file for actions that the scenario does not mention."""
        super().__init__()
        self._catalogue = with_own(flow, catalogue)
        self._mocks = mocks
        self._performing = script_fields.action_places(flow)
        self._undos = {undo.do for undo in flow.undos()}
        self._said: dict[str, _Replies] = {}

    def next(self, call: Call, *, undo: bool) -> Reply | None:
        """The result of a call; None if it never ends."""
        keys = (call.do,) if undo else (call.place, call.do)
        said = [self._said[key] for key in keys if key in self._said]
        found = (source.next() for source in said)
        reply = next(
            chain((each for each in found if each is not None), filter(None, [self._mocks.next(call, undo=undo)])),
            None,
        )
        if reply is None:
            reply = self._usual(self._catalogue[call.do])
        after = next((source.after for source in said if source.after is not None), None)
        reply = reply if after is None else replace(reply, after=max(after, reply.after))
        return None if reply.after == _NEVER.after else reply

    # --- steps of a scenario -----------------------------------------------------------------------------

    def gives(self, name: str, values: Sequence[Mapping[str, Any]], *, outcome: str = "", times: int = 0) -> None:
        """Let an action succeed.

        Args:
            name: The action, or the state or activity that performs it.
            values: Its results in turn; the last repeats. Omitted fields get plausible values.
            outcome: Its outcome.
            times: How often, before its other results; 0 means always.

        Raises:
            UsageError: There is no such action, outcome or field.
        """
        key, spec = self._resolve(name)
        outcome = outcome or spec.outcomes[0]
        if outcome not in spec.outcomes:
            raise UsageError(f"{spec.name!r} has no outcome {outcome!r}", hint=did_you_mean(outcome, spec.outcomes))
        if outcome == EXITED and spec.service:
            raise UsageError(
                f"{spec.name!r} is ready first", hint=f"write `{name} exits after 30s`, or later `{name} exits`"
            )
        for value in values:
            for unknown in value.keys() - spec.result.keys():
                raise UsageError(
                    f"the result of {spec.name!r} has no {unknown!r}", hint=did_you_mean(unknown, spec.result)
                )
        self._say(key, [Reply(outcome, samples.result(spec, value)) for value in values or [{}]], times)

    def fails(self, name: str, kind: str, *, times: int = 0) -> None:
        """Let an action fail with an error of some kind; `times` as for `gives`.

        Raises:
            UsageError: There is no such action or error.
        """
        key, _ = self._resolve(name)
        try:
            fault = mocks.fault(kind, ())
        except InvalidField as error:
            raise UsageError(error.message, hint=error.hint) from None
        self._say(key, [Reply(fault=replace(fault, message=f"{kind}, as the scenario says"))], times)

    def never(self, name: str) -> None:
        """Let an action never end.

        Raises:
            UsageError: There is no such action.
        """
        self._say(self._resolve(name)[0], [_NEVER], 0)

    def takes(self, name: str, seconds: float) -> None:
        """Let an action take that long each time.

        Raises:
            UsageError: There is no such action.
        """
        self._said.setdefault(self._resolve(name)[0], _Replies()).after = seconds

    def exits(self, name: str, seconds: float) -> None:
        """Let a service end by itself, that long after it was ready.

        Raises:
            UsageError: There is no such service.
        """
        key, spec = self._resolve(name)
        if not spec.service:
            raise UsageError(
                f"{spec.name!r} is not a service, so it cannot exit", hint=f"`{name} takes 2s` says how long it takes"
            )
        self._say(key, [replace(self._usual(spec), reason="it ended by itself", exits=seconds)], 0)

    def _say(self, key: str, replies: list[Reply], times: int) -> None:
        said = self._said.setdefault(key, _Replies())
        if times:
            said.first += replies * times
        else:
            said.then = replies

    def _usual(self, spec: ActionSpec) -> Reply:
        return Reply(spec.outcomes[0], samples.result(spec, {}))

    def _resolve(self, name: str) -> tuple[str, ActionSpec]:
        """The action or place with this name, and the action there."""
        if name in self._catalogue:
            if name not in self._performing.values() and name not in self._undos:
                raise UsageError(
                    f"the flow never performs {name!r}", hint=did_you_mean(name, self._performing.values())
                )
            return name, self._catalogue[name]
        found = script_fields.matching(name, self._performing)
        if len(found) > 1:
            raise UsageError(f"{name!r} may be any of {', '.join(found)}", hint="write more of the path")
        if not found:
            hint = did_you_mean(name, [*self._performing, *(path.rpartition("/")[2] for path in self._performing)])
            raise UsageError(f"there is no action, and no state or activity with an action, named {name!r}", hint=hint)
        return found[0], self._catalogue[self._performing[found[0]]]


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
