"""In-memory store: runs that last as long as the process, for tests, rehearsals and virtual time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from retake_flow.errors import StoreError
from retake_flow.ports.runs import Holder, OpenGate, Request, RequestKind, Stored, Summary
from retake_flow.redact import Secret, hide, scrub
from retake_flow.run.codec import decode, encode
from retake_flow.run.errors import AlreadyAnswered, AnswerWaiting, Fenced, GateUnknown, RunHeld
from retake_flow.run.gates import Answer, Gate
from retake_flow.run.identity import NOBODY, Identity
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run, name_of
from retake_flow.store.holders import is_alive
from retake_flow.store.queries import only, run_unknown

_PLACE = "the memory of this process"


@dataclass
class _GateEntry:
    gate: Gate
    open: bool = True
    answer: Answer | None = None

    @property
    def waits(self) -> bool:
        return self.open and self.answer is None


@dataclass
class _RunEntry:
    stored: Stored
    journal: list[Record] = field(default_factory=list)
    gates: dict[str, _GateEntry] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    asked: int = 0
    wake: Callable[[], None] = lambda: None


class MemoryRuns:
    """All runs, in memory.

    Args:
        alive: Tells whether the process that holds a run is alive, as far as this process can know.
        now: Seconds since the epoch.
    """

    def __init__(self, *, alive: Callable[[Holder], bool] = is_alive, now: Callable[[], float] = time.time) -> None:
        self._kept: dict[str, _RunEntry] = {}
        self._alive = alive
        self._now = now

    def create(
        self, run: Run, *, agent: str, flow_file: str, flow_text: str, holder: Holder, account: Identity = NOBODY
    ) -> MemoryClaim:
        """Store a new run and claim it."""
        if run.id in self._kept:
            raise StoreError(f"there is already a run {run.id}")
        now = self._now()
        kept = _RunEntry(Stored(_surviving(run), agent, flow_file, flow_text, 1, holder, now, now))
        self._kept[run.id] = kept
        return MemoryClaim(kept, 1, self._now)

    def claim(
        self,
        run: str,
        holder: Holder,
        *,
        force: bool = False,
        account: Identity = NOBODY,
        epoch: int | None = None,
    ) -> MemoryClaim:
        """Claim a run under a new epoch; its previous holder can no longer write."""
        kept = self._of(run)
        held = kept.stored.holder
        if epoch not in (None, kept.stored.epoch):
            raise Fenced(f"{run} was given to another process since")
        if held is not None and not force and self._alive(held):
            raise RunHeld(run, host=held.host, pid=held.pid)
        kept.stored = replace(kept.stored, epoch=kept.stored.epoch + 1, holder=holder)
        kept.wake()
        return MemoryClaim(kept, kept.stored.epoch, self._now)

    def load(self, run: str) -> Stored:
        """A run as it was last written."""
        return self._of(run).stored

    def find(self, name: str) -> str:
        """The id that a name means: an id, a name, a unique prefix, or `last` for the run that started last."""
        newest = [summary.id for summary in self.summaries()]
        if name == "last":
            return only(name, newest[:1], _PLACE)
        if name not in newest and (named := [run for run in newest if name_of(run) == name]):
            return named[0]
        return only(name, [name] if name in newest else [run for run in newest if run.startswith(name)], _PLACE)

    def summaries(
        self, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
    ) -> list[Summary]:
        """Runs, the newest first; filtered by phases, agent and flow if given."""
        found = [_summary(kept) for kept in self._kept.values()]
        wanted = [
            summary
            for summary in found
            if (not phases or summary.phase in phases) and agent in ("", summary.agent) and flow in ("", summary.flow)
        ]
        return sorted(wanted, key=lambda summary: (summary.created, summary.id), reverse=True)[:limit]

    def journal(
        self,
        run: str,
        after: int = 0,
        before: int | None = None,
        *,
        last: int | None = None,
        events: Sequence[str] = (),
    ) -> list[tuple[int, Record]]:
        """A run's records between two numbers, with their own (from 1); only the `last`, only of `events`, if given."""
        found = list(enumerate(self._of(run).journal, 1))[after : None if before is None else max(0, before - 1)]
        found = [(number, record) for number, record in found if not events or record["event"] in events]
        return found if last is None else found[max(0, len(found) - last) :]

    def request(self, run: str, what: RequestKind, data: Mapping[str, Any] | None = None) -> int:
        """Send a request to the process that drives a run."""
        kept = self._of(run)
        kept.asked += 1
        kept.requests.append(Request(what, dict(data or {}), kept.asked))
        kept.wake()
        return kept.asked

    def open_gates(self, run: str | None = None) -> list[OpenGate]:
        """The unanswered open gates, the oldest first."""
        found = [
            OpenGate(name, kept.stored.run.flow, asked.gate)
            for name, kept in self._kept.items()
            if run in (None, name)
            for asked in kept.gates.values()
            if asked.waits
        ]
        return sorted(found, key=lambda each: (each.gate.opened_at, each.run, each.gate.id))

    def answer(self, run: str, gate: str, answer: Answer) -> None:
        """Store an answer that is valid for the gate; the first one wins."""
        asked = self._kept[run].gates.get(gate) if run in self._kept else None
        if asked is None:
            raise GateUnknown(f"{run} does not ask {gate!r}")
        if asked.answer is not None:
            first = asked.answer
            raise AlreadyAnswered(gate, by=first.by, at=first.at, channel=first.channel)
        if asked.gate.is_expired(answer.at):
            raise GateUnknown(f"{gate} of {run} has expired")
        if not asked.open:
            raise GateUnknown(f"{gate} of {run} is no longer open")
        asked.answer = replace(answer, fields=hide(answer.fields, asked.gate.secrets_of(answer.decision)))
        self._kept[run].wake()

    def owing(self) -> list[str]:
        """The ended runs that were released and still owe undos."""
        every = [each.stored for each in self._kept.values()]
        return [one.run.id for one in every if one.run.has_ended and one.run.undoing and one.holder is None]

    def prune(self, before: float, *, dry_run: bool = False) -> list[str]:
        """Delete ended runs that owe nothing and were last written before a time; returns their ids."""
        every = [each.stored for each in self._kept.values() if each.stored.updated < before]
        ended = [stored for stored in every if stored.run.has_ended and not stored.run.undoing]
        old = sorted(one.run.id for one in ended if one.holder is None or not self._alive(one.holder))
        for run in () if dry_run else old:
            del self._kept[run]
        return old

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def _of(self, run: str) -> _RunEntry:
        if run not in self._kept:
            raise run_unknown(run, _PLACE)
        return self._kept[run]


class MemoryClaim:
    """A claim on a run in memory."""

    def __init__(self, kept: _RunEntry, epoch: int, now: Callable[[], float]) -> None:
        self.epoch = epoch
        self._kept = kept
        self._now = now
        self._heard = 0
        self._given: set[str] = set()

    def write(self, run: Run, records: Sequence[Record]) -> None:
        """Store the present run and the records, all or nothing."""
        self._fence()
        held = {} if run.has_ended else run.gates
        gates = self._kept.gates
        for key in [key for key, asked in gates.items() if asked.open and key not in held]:
            # A run that was killed with a gate open ignores its answer.
            if gates[key].answer is not None and key not in self._given and key not in run.gates:
                raise AnswerWaiting(f"{key} of {run.id} is answered, and the run does not know yet")
            _close(gates[key])
            self._given.discard(key)
        for key, gate in held.items():
            asked = gates.get(key)
            gates[key] = replace(asked, gate=gate) if asked is not None and asked.open else _GateEntry(gate)
        if run.has_ended:
            self._kept.requests.clear()
        agent = run.identity.name or self._kept.stored.agent
        self._kept.stored = replace(self._kept.stored, run=_surviving(run), agent=agent, updated=self._now())
        self._kept.journal.extend(records)
        stopped = any(record["event"] == "stop_requested" for record in records)
        done = {record["request"] for record in records if "request" in record}
        self._kept.requests = [
            asked
            for asked in self._kept.requests
            if asked.number not in done
            # A stop that the process has not read yet is done as well; a kill is another request.
            and not (stopped and (asked.what == "stop" or (asked.what == "kill" and asked.number <= self._heard)))
        ]

    def upgrade(self, run: Run, records: Sequence[Record], flow_text: str) -> None:
        """Write, and store a new flow text for the run."""
        self.write(run, records)
        self._kept.stored = replace(self._kept.stored, flow_text=flow_text)

    def requests(self, *, fresh: bool = False) -> list[Request]:
        """The requests that others sent to the run, the oldest first, each once per claim."""
        self._fence()
        new = [asked for asked in self._kept.requests if asked.number > self._heard]
        self._heard = max(self._heard, self._kept.asked)
        return new

    def answers(self, *, fresh: bool = False) -> Mapping[str, Answer]:
        """The answers to gates that are still in the stored snapshot, by the gate's id."""
        answers = {
            key: asked.answer for key, asked in self._kept.gates.items() if asked.open and asked.answer is not None
        }
        self._given.update(answers)
        return answers

    def write_error(self, *, once: bool = False) -> None:
        """None: memory can always be written."""

    def on_news(self, wake: Callable[[], None]) -> bool:
        """Have `wake` called when there is news."""
        self._kept.wake = wake
        return True

    def look_within(self) -> float:
        """Infinity: no other process can take the run."""
        return inf

    def troubles(self) -> list[str]:
        """Always empty: memory is only lost together with the process."""
        return []

    def hold(self, account: Identity) -> None:
        """Do nothing: no other host shares this memory."""

    def release(self) -> None:
        """Release the run, so that any process can claim it."""
        if self._kept.stored.epoch == self.epoch:
            self._kept.stored = replace(self._kept.stored, holder=None)

    def _fence(self) -> None:
        if self._kept.stored.epoch != self.epoch:
            raise Fenced(f"another process has taken {self._kept.stored.run.id} over")


def _surviving(run: Run) -> Run:
    # A run as it would be after a round trip to disk: without its secrets.
    return decode(encode(run))


def _close(asked: _GateEntry) -> None:
    asked.open = False
    if asked.answer is not None:
        shown = {name: value for name, value in asked.answer.fields.items() if not isinstance(value, Secret)}
        asked.answer = replace(asked.answer, fields=shown)


def _summary(kept: _RunEntry) -> Summary:
    stored, run = kept.stored, kept.stored.run
    gates = sum(asked.waits for asked in kept.gates.values())
    return Summary(
        id=run.id,
        flow=run.flow,
        agent=stored.agent,
        phase=run.phase,
        state=run.state,
        outcome=run.outcome,
        reason=scrub(run.reason),
        gates=gates,
        holder=stored.holder,
        created=stored.created,
        updated=stored.updated,
        flow_file=stored.flow_file,
        rehearsal=run.rehearsal,
    )
