"""Simulation: one run of a flow on the real engine in virtual time, driven line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import RetakeFlowError, UsageError
from retake_flow.flow.action_spec import Catalogue, with_own
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.duration import LONGEST
from retake_flow.flow.expressions.sandbox import work_done
from retake_flow.flow.model import FinalState, Flow
from retake_flow.flow.text.tree import Path
from retake_flow.ports.actions import Clock
from retake_flow.ports.runs import Listener
from retake_flow.redact import Secret, hide
from retake_flow.run import answers
from retake_flow.run.errors import AnswerInvalid, EventRefused
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.records import Record, masked
from retake_flow.run.run import Run
from retake_flow.whatif.simulate import script, script_fields
from retake_flow.whatif.simulate.calls import Calls, WaitingCall
from retake_flow.whatif.simulate.mocks import Mocks, Reply, result
from retake_flow.whatif.simulate.script import Advance, Event, Failure, GateAnswer, Happening, Result
from retake_flow.whatif.simulate.script_fields import InvalidField
from retake_flow.whatif.virtual_time import EPOCH, SteppedClock, SteppedLoop

#: The name of a simulated run.
RUN = "simulated"
#: The most records at one moment before the run counts as looping.
MOST_AT_ONCE = 10_000
CIRCLES = f"more than {MOST_AT_ONCE} things happened without any time passing: the run loops"
#: The most records within one line of the script; a stream of a day has fewer.
MOST_IN_A_LINE = 50_000
ENDLESS = f"more than {MOST_IN_A_LINE} things happened within one line: advance by less"
_LONGEST = 100 * LONGEST
_MOST_WORK = 10_000_000  # by expressions within one line: half a second
LABORIOUS = "the expressions of the flow take more work than a simulation allows"


class Simulation:
    """A simulated run.

    Attributes:
        refused: How many lines could not be carried out. An unexpected event does not count: the run itself
            reports it.
    """

    def __init__(
        self,
        flow: Flow,
        inputs: Mapping[str, Any],
        mocks: Mocks,
        catalogue: Catalogue,
        *,
        machine: Machine | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        """Prepare to begin."""
        catalogue = with_own(flow, catalogue)
        self.refused = 0
        self._flow = flow
        self._places = {**script_fields.action_places(flow), **dict.fromkeys(flow.states, "")}
        self._time = 0.0
        self._interrupted = False
        self._loop = SteppedLoop()
        self._clock = SteppedClock(self._loop)
        self._track = Track(self._clock, lambda: self._runner.kill())
        self._calls = Calls(catalogue, mocks, self._clock)
        run = Run(RUN, flow.name, flow.digest, inputs)
        self._runner = Runner(
            machine or Machine(flow, catalogue),
            run,
            catalogue=catalogue,
            actions=self._calls,
            store=_Nowhere(),
            clock=self._clock,
            listeners=[self._track, *listeners],
        )
        self._driving: asyncio.Task[Run] | None = None

    @property
    def run(self) -> Run:
        """The current run."""
        return self._runner.run

    @property
    def endless(self) -> str:
        """Why the run was ended: it would have gone on without end; "" otherwise."""
        return self._track.reason

    def start(self) -> dict[str, Any]:
        """Begin; return the run as one JSON object."""
        self._driving = self._loop.create_task(self._runner.drive(), name="run")
        self._settle()
        return self._view()

    def take(self, line: bytes, number: int) -> dict[str, Any]:
        """Play a line, and everything that follows from it before time passes.

        Lines are numbered from 1.

        Returns:
            The run as one JSON object; if the line was refused, it has an `error` and nothing has happened.

        Raises:
            KeyboardInterrupt: The line was interrupted.
        """
        try:
            self._apply(script.parse(line))
        except InvalidField as error:
            return self._refusal(number, _with_place(error), error.hint)
        except AnswerInvalid as error:
            return self._refusal(number, f"answer: {error.message}", "the queue shows what is asked")
        except EventRefused as error:
            return self._without_effect(number, error.message, error.hint)
        except RetakeFlowError as error:
            return self._refusal(number, error.message, error.hint)
        self._settle()
        return self._view()

    def interrupt(self) -> None:
        """End the line that is being played, between two events and never in the middle of one.

        Raises:
            KeyboardInterrupt: No line is being played.
        """
        if not self._loop.is_running():
            raise KeyboardInterrupt
        self._interrupted = True
        self._loop.stop()

    def close(self) -> None:
        """Stop the run where it is."""
        if self._driving is not None:
            self._runner.kill()
            self._loop.run_until(self._time)
        self._loop.close()

    def _settle(self) -> None:
        self._loop.run_until(self._time)
        if self._interrupted:
            raise KeyboardInterrupt
        if self._driving is not None and self._driving.done():
            self._driving.result()

    def _refusal(self, number: int, message: str, hint: str) -> dict[str, Any]:
        self.refused += 1
        return self._without_effect(number, message, hint)

    def _without_effect(self, number: int, message: str, hint: str) -> dict[str, Any]:
        return {**self._view(), "error": masked({"line": number, "message": message, "hint": hint})}

    def _view(self) -> dict[str, Any]:
        """The run as one JSON object: where it is, what it waits for, and what has happened."""
        run, over = self.run, self._runner.over
        entered, exited = self._track.take()
        settled = run.state and (not over or isinstance(self._flow.states[run.state], FinalState))
        waits = (*_calls(self._calls.waiting), *_gates(run.gates.values()), *_times(run, self._clock.pauses))
        seen = {
            "configuration": [run.state] if settled else [],
            "queue": [] if over else list(waits),
            "time": self._time,
            "entered": entered,
            "exited": exited,
            "ended": run.outcome if over else None,
            "reason": (self.endless or run.reason) if over else "",
            "vars": run.vars,
        }
        answer: dict[str, Any] = masked(seen)
        return answer

    # --- what a line says ---------------------------------------------------------------------------------

    def _apply(self, happening: Happening) -> None:
        if isinstance(happening, Advance):
            if self._time + happening.seconds > _LONGEST:
                raise UsageError("a simulation takes at most a thousand years")
            self._time = round(self._time + happening.seconds, 3)
            return
        if self._runner.over:
            raise UsageError("the run is over", hint="only time can pass now")
        match happening:
            case Event(name="stop", data=data):
                self._runner.stop(data.get("reason", "stopped"))
            case Event():
                self._runner.send(happening.name, happening.data)
            case Result():
                waiting = self._waiting(happening.place, ("result", "state"))
                said = result(happening.part, ("result",), waiting.spec, ready=waiting.ready)
                waiting.end(said)
            case Failure():
                waiting = self._waiting(happening.place, ("error", "state"))
                if waiting.ready:
                    raise UsageError(f"{waiting.call.place!r} is ready, so it can only exit", hint="outcome: exited")
                waiting.end(Reply(fault=happening.fault))
            case GateAnswer():
                gate = self._gate(happening.gate)
                self._runner.answer(gate.id, self._answer(gate, happening))

    def _waiting(self, name: str, path: Path) -> WaitingCall:
        waiting = {each.call.place: each for each in self._calls.waiting}
        found = script_fields.resolve(name, waiting, path)
        if found is not None:
            return found
        if not script_fields.matching(name, self._places):
            raise InvalidField(path, f"there is no state or activity {name!r}", did_you_mean(name, self._places))
        waits = ", ".join(waiting) or "none"
        raise InvalidField(path, f"no action is in progress in {name!r}", f"in progress: {waits}")

    def _gate(self, name: str) -> Gate:
        gates = self._runner.run.gates
        by_place = {gate.place: gate for gate in gates.values()}
        name = name or (next(iter(by_place)) if len(by_place) == 1 else "")
        found = gates.get(name) or script_fields.resolve(name, by_place, ("answer", "gate"))
        if found is not None:
            return found
        unnamed = "say which question is answered" if gates else "no question is open"
        said = f"{name!r} is not asked" if name else unnamed
        raise InvalidField(("answer", "gate"), said, f"it asks: {', '.join(gates) or 'nothing'}")

    def _answer(self, gate: Gate, said: GateAnswer) -> Answer:
        now = self._clock.now()
        secrets = {name for decision in gate.decisions or ("",) for name in gate.secrets_of(decision)}
        for name in secrets & said.fields.keys():
            Secret(str(said.fields[name]))  # so the message about a wrong answer does not show it
        found = answers.answer(gate, said.fields, decision=said.decision, by=said.by, channel="script", at=now)
        return replace(found, fields=hide(found.fields, gate.secrets_of(found.decision)))


class _Nowhere:
    """Stores nothing: a simulation ends with its process."""

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Write nothing."""


class Track:
    """Listens to the records of the run: which states are entered and left, and whether it loops.

    Attributes:
        reason: Why the run was ended, if it loops; otherwise "".
    """

    def __init__(self, clock: Clock, end: Callable[[], None]) -> None:
        self.reason = ""
        self._clock = clock
        self._end = end
        self._entered: list[str] = []
        self._exited: list[str] = []
        self._at = 0.0
        self._count = self._in_line = 0
        self._work = work_done()

    def on_record(self, record: Record) -> None:
        """Handle a record."""
        if record["event"] == "state_entered":
            self._entered.append(record["state"])
        elif record["event"] == "state_left":
            self._exited.append(record["state"])
        now = self._clock.now()
        if now != self._at:
            self._count = -1
        self._count += 1
        self._at = now
        self._in_line += 1
        if not self.reason and (reason := self._endless()):
            self.reason = reason
            self._end()

    def _endless(self) -> str:
        if self._count >= MOST_AT_ONCE:
            return CIRCLES
        if self._in_line >= MOST_IN_A_LINE:
            return ENDLESS
        return LABORIOUS if work_done() - self._work > _MOST_WORK else ""

    def take(self) -> tuple[list[str], list[str]]:
        """The states entered and left since the last call."""
        self._in_line, self._work = 0, work_done()
        taken = self._entered, self._exited
        self._entered, self._exited = [], []
        return taken


def _with_place(error: InvalidField) -> str:
    at = ".".join(map(str, error.path))
    return f"{at}: {error.message}" if at else error.message


# --- how it is shown --------------------------------------------------------------------------------------------------


def _calls(waiting: Iterable[WaitingCall]) -> Iterator[dict[str, Any]]:
    for each in waiting:
        call = each.call
        common = {"kind": each.kind, "place": call.place, "action": call.do, "attempt": call.attempt}
        yield {**common, **({"ready": each.ready} if each.kind == "service" else {}), "due": _due(each.due)}


def _gates(gates: Iterable[Gate]) -> Iterator[dict[str, Any]]:
    for gate in gates:
        asked = {name: list(fields) for name, fields in gate.decisions.items()}
        words = {"message": gate.message, "decisions": asked, "fields": list(gate.fields)}
        yield {"kind": "gate", "place": gate.place, "gate": gate.id, **words, "due": _due(gate.due)}


def _times(run: Run, pauses: Mapping[str, float]) -> list[dict[str, Any]]:
    found = [_timer(run, place, purpose, due) for (place, purpose), due in run.timers.items()]
    found += [_timer(run, place, "again", due) for place, due in pauses.items() if place in run.activities]
    return sorted(found, key=lambda each: (each["due"], each["place"], each["kind"], each.get("purpose", "")))


def _timer(run: Run, place: str, purpose: str, due: float) -> dict[str, Any]:
    raised = run.delayed.get((place, purpose))
    if raised is not None:
        return {"kind": "event", "place": place, "event": raised.event, "data": raised.data, "due": _due(due)}
    return {"kind": "timer", "place": place, "purpose": purpose, "due": _due(due)}


def _due(due: float | None) -> float | None:
    """A time in seconds since the start, to the millisecond."""
    return None if due is None else round(due - EPOCH, 3)
