"""Queries: read runs, in SQL that SQLite and PostgreSQL share; this module needs no driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from retake_flow.ports.runs import OpenGate, Stored, Summary
from retake_flow.run.errors import RunUnknown
from retake_flow.run.run import DATED, LATEST, Phase, name_of
from retake_flow.store import columns

if TYPE_CHECKING:
    from retake_flow.run.records import Record

#: No record has a larger number; in SQLite, a value that is not a number is larger than any number.
LAST_RECORD: Final = 2**31 - 1
#: The time by the clock of the database, in seconds since the epoch: in a file, and on a server.
FILE_CLOCK: Final = "((julianday('now') - 2440587.5) * 86400.0)"
SERVER_CLOCK: Final = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"

_EXAMPLES = 5  # ids that a message names
_ALL = 2**31 - 1  # rows
# A program that knows no leases may have claimed the run since: then the lease is of an older epoch.
_HOLDER = (
    "holder_host, holder_pid, holder_started, CASE WHEN lease_epoch = epoch THEN holder_where END,"
    " CASE WHEN lease_epoch = epoch THEN lease_until - {clock} END"
)
_SUBMITTED = "EXISTS (SELECT run FROM jobs WHERE run = runs.id)"
_SUMMARY = (
    f"SELECT id, flow, agent, phase, state, outcome, reason, {_HOLDER}, created, updated, flow_file, rehearsal,"
    f" {_SUBMITTED},"
    " (SELECT count(*) FROM gates WHERE run = runs.id AND closed IS NULL AND answered IS NULL) FROM runs"
)
_STORED = (
    "SELECT data, figures, agent, flow_file, flow_text, text,"
    f" epoch, created, updated, {_SUBMITTED}, {_HOLDER} FROM runs"
    " LEFT JOIN snapshots ON snapshots.run = id LEFT JOIN flows ON digest = flow_text WHERE id = :run"
)
_OPEN_GATES = (
    "SELECT run, flow, gates.id, data FROM gates JOIN runs ON runs.id = run"
    " WHERE closed IS NULL AND answered IS NULL AND :run IN (run, '') ORDER BY opened, run, gates.id"
)
# In SQLite, a text in place of a date would sort as the newest.
_NEWEST = f"ORDER BY created <= {LATEST} DESC, created DESC, id DESC LIMIT {_EXAMPLES + 1}"


class RunReader:
    """Runs, as `ports.runs.ReadableRuns` says.

    Args:
        place: The name of the store in messages.
        owner: The agent for whom it is opened; "" for nobody in particular, who knows the runs of all.
        clock: The clock of the database, in SQL.
    """

    def __init__(self, place: str, owner: str, clock: str) -> None:
        self._place = place
        self._owner = owner
        self._clock = clock

    def _all(self, query: str, **values: object) -> Sequence[Sequence[Any]]:
        """All rows of a query with named parameters."""
        raise NotImplementedError

    def load(self, run: str) -> Stored:
        """A run as it was last written."""
        from retake_flow.store import decoding

        found = self._all(_STORED.format(clock=self._clock), run=run)
        if not found:
            raise run_unknown(run, self._place)
        return decoding.decode_stored(run, found[0])

    def find(self, name: str) -> str:
        """The id that a name means: an id, a name, a unique prefix, or `last` for the run that started last."""
        if name == "last":
            return only(name, self._newest("TRUE", {}, ours=True)[:1], self._place)
        if self._all("SELECT id FROM runs WHERE id = :run", run=name):
            return name
        begins = "substr(id, 1, :length) = :begin"
        beginning = {"begin": name, "length": len(name)}
        new, old = (len(name) + length for length in DATED)
        for ours in (True, False):
            dated = {**beginning, "new": new, "old": old}
            for run in self._newest(f"{begins} AND length(id) IN (:new, :old)", dated, ours=ours):
                if name_of(run) == name:
                    return run
        return only(name, self._newest(begins, beginning), self._place)

    def _newest(self, condition: str, values: Mapping[str, object], *, ours: bool = False) -> list[str]:
        """The ids of the newest runs; SQLite may hold some that are no texts."""
        if ours and self._owner:
            condition, values = f"{condition} AND owner IN ('', :owner)", {**values, "owner": self._owner}
        found = self._all(f"SELECT id FROM runs WHERE {condition} {_NEWEST}", **values)
        return columns.texts(run for (run,) in found)

    def summaries(
        self, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
    ) -> list[Summary]:
        """Runs, the newest first; filtered by phases, agent and flow if given."""
        wanted = {f"phase{number}": phase.value for number, phase in enumerate(phases)}
        conditions = [f"phase IN ({', '.join(f':{name}' for name in wanted)})"] if wanted else []
        for column, value in (("agent", agent), ("flow", flow)):
            if value:
                conditions.append(f"{column} = :{column}")
                wanted[column] = value
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        query = f"{_SUMMARY.format(clock=self._clock)}{where} ORDER BY created DESC, id DESC LIMIT :most"
        found = self._all(query, **wanted, most=_ALL if limit is None else limit)
        return [columns.summary(row[:-1], row[-1]) for row in found]

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
        from retake_flow.store import decoding

        signs = {f"sign{number}": decoding.sign(event) for number, event in enumerate(events)}
        ours = (f"substr(data, {decoding.SIGN_AT}, {len(sign)}) = :{name}" for name, sign in signs.items())
        query = (
            "SELECT number, data FROM records WHERE run = :run AND number BETWEEN :first AND :final"
            f" AND ({' OR '.join(ours) or 'TRUE'}) ORDER BY number DESC LIMIT :most"
        )
        between = {"first": after + 1, "final": LAST_RECORD if before is None else before - 1}
        found = self._all(query, run=run, **between, **signs, most=_ALL if last is None else last)
        if not found and not self._all("SELECT id FROM runs WHERE id = :run", run=run):
            raise run_unknown(run, self._place)
        records = ((int(number), decoding.record(int(number), data)) for number, data in reversed(found))
        return [(number, record) for number, record in records if not events or record["event"] in events]

    def open_gates(self, run: str | None = None) -> list[OpenGate]:
        """The unanswered open gates, the oldest first."""
        found = self._all(_OPEN_GATES, run=run or "")
        if not found:
            return []
        from retake_flow.store import decoding

        return [decoding.open_gate(*row) for row in found]


def run_unknown(run: str, place: str) -> RunUnknown:
    """The error that a store called `place` has no run of an id."""
    hint = f"`retake-flow runs` lists those in {place}; another user's runs are in a store of their own"
    return RunUnknown(f"there is no run {run!r}", hint=hint)


def only(name: str, found: Sequence[str], place: str) -> str:
    """The only id that matches a name in the store called `place`.

    Raises:
        RunUnknown: No run matches, or more than one.
    """
    if not found:
        if name != "last":
            raise run_unknown(name, place)
        hint = "`retake-flow runs` lists those of all agents; `last` knows only those with the same credentials"
        raise RunUnknown(f"there is no run yet of this agent in {place}", hint=hint)
    if len(found) > 1:
        more = ", …" if len(found) > _EXAMPLES else ""
        raise RunUnknown(
            f"{name!r} may be {', '.join(found[:_EXAMPLES])}{more}", hint="write more of it, until only one is meant"
        )
    return found[0]
