"""Run store: all runs in a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, insert, literal, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from retake_flow.errors import Damaged, StoreError
from retake_flow.locks import Lock
from retake_flow.ports.runs import MOVED, Holder, RequestKind
from retake_flow.run.codec import VERSION, encode
from retake_flow.run.errors import Fenced, RunHeld, RunMoved
from retake_flow.run.gates import Answer
from retake_flow.run.identity import NOBODY, Identity
from retake_flow.run.run import Phase, Run
from retake_flow.settings import USUAL_LEASE
from retake_flow.store import columns, decoding, holders
from retake_flow.store.queries import RunReader, run_unknown
from retake_flow.store.sql import gates, jobs, rows, shared_rows
from retake_flow.store.sql.claim import SqlClaim
from retake_flow.store.sql.database import Database
from retake_flow.store.sql.migrations import make_current
from retake_flow.store.sql.tables import HOLDER, REQUESTS, RUNS, SNAPSHOTS

#: Whether a newer program wrote a snapshot, whose first field is the version of its form.
_NEWER_FORM = SNAPSHOTS.c.data.startswith('{"version":', autoescape=True) & ~or_(
    *(SNAPSHOTS.c.data.startswith(f'{{"version":{known},', autoescape=True) for known in range(1, VERSION + 1))
)
# A run's own data may look like this too.
_PERHAPS_OWING = select(SNAPSHOTS.c.run).where(SNAPSHOTS.c.data.contains('"undoing":[{', autoescape=True))
_ENDED = (Phase.CANCELLED.value, Phase.FAULTED.value, Phase.COMPLETED.value)


class SqlRuns(RunReader):
    """Runs in a database. The arguments `database`, `alive` and `lease` are also its attributes.

    Args:
        database: The database; its tables are created or migrated.
        alive: Tells whether the process that holds a run is alive, as far as this process can know.
        now: Seconds since the epoch.
        lease: For how long a claim lasts when it is not renewed, in seconds.
        locks: The folder of the locks that show others that a holder is alive; None without locks.
        owner: The agent for whom it is opened; "" for nobody in particular, who knows the runs of all.

    Raises:
        StoreError: The database cannot be used, or is of a newer version.
    """

    def __init__(
        self,
        database: Database,
        *,
        alive: Callable[[Holder], bool],
        now: Callable[[], float],
        lease: float = USUAL_LEASE,
        locks: Path | None = None,
        owner: str = "",
    ) -> None:
        database.prepare = partial(make_current, database)
        try:
            make_current(database)
        except BaseException:
            database.close()
            raise
        super().__init__(database.place, columns.storable(owner), database.clock)
        self.database = database
        self.alive = alive
        self.lease = lease
        self._locks = locks
        self._held: dict[Holder, tuple[Lock | None, set[str]]] = {}
        self._now = now

    def _all(self, query: str, **values: object) -> Sequence[Sequence[Any]]:
        with self.database.reading() as connection:
            return connection.execute(text(query), columns.storable_row(values)).all()

    def create(
        self, run: Run, *, agent: str, flow_file: str, flow_text: str, holder: Holder, account: Identity = NOBODY
    ) -> SqlClaim:
        """Store a new run and claim it."""
        with self._lock_of(holder):
            with self.database.writing() as connection:
                held = {"epoch": 1, **rows.holder_columns(holder, 1, self.lease)}
                self.insert(connection, run, agent=agent, flow_file=flow_file, flow_text=flow_text, **held)
                shared_rows.hold_account(self.database, connection, run.id, account, self.alive)
            return self._claim(run.id, 1, holder)

    def insert(
        self, connection: Connection, run: Run, *, agent: str, flow_file: str, flow_text: str, **held: Any
    ) -> None:
        """Store a new run in the transaction of `connection`, with the columns of the process that drives it, if any.

        Raises:
            StoreError: A run with this id exists.
        """
        now = self._now()
        row = {
            "id": run.id,
            "flow": columns.storable(run.flow),
            "agent": columns.storable(agent),
            "flow_file": columns.storable(flow_file),
            "flow_text": shared_rows.keep_text(self.database, connection, flow_text),
            "epoch": 0,
            "owner": self._owner,
            "created": now,
            **held,
            **rows.progress(run, now),
            **({"rehearsal": columns.storable(run.rehearsal)} if run.rehearsal else {}),
        }
        try:
            connection.execute(insert(RUNS).values(row))
        except IntegrityError as error:
            raise StoreError(f"there is already a run {run.id}") from error
        connection.execute(insert(SNAPSHOTS).values(run=run.id, data=rows.as_json(encode(run))))

    def claim(
        self,
        run: str,
        holder: Holder,
        *,
        force: bool = False,
        account: Identity = NOBODY,
        epoch: int | None = None,
    ) -> SqlClaim:
        """Claim a run under a new epoch; its previous holder can no longer write."""
        with self._lock_of(holder):
            taken, previous = self._take(run, holder, force=force, account=account, epoch=epoch)
            claim = self._claim(run, taken, holder)
        if previous is not None:
            holders.forget(self._locks, previous)
        return claim

    def _take(
        self, run: str, holder: Holder, *, force: bool, account: Identity, epoch: int | None
    ) -> tuple[int, Holder | None]:
        """The epoch of a new claim, and the holder of the one before."""
        row_of_run = RUNS.c.id == run
        with self.database.writing() as connection:
            row = connection.execute(select(RUNS.c.epoch, *HOLDER).where(row_of_run).with_for_update()).one_or_none()
            if row is None:
                raise run_unknown(run, self._place)
            found, held = _claimable(run, *row)
            if epoch not in (None, found):
                raise Fenced(f"{run} was given to another process since")
            if held is not None and held.has_moved and not force:
                raise RunMoved(run, held.host)
            if held is not None and not force and self.alive(held):
                certain, free = holders.is_certain(held, self._locks), holders.free_in(held, self._locks)
                raise RunHeld(run, host=held.host, pid=held.pid, certain=certain, free_in=free)
            shared_rows.hold_account(self.database, connection, run, account, self.alive)
            ours = rows.holder_columns(holder, found + 1, self.lease)
            connection.execute(update(RUNS).where(row_of_run).values(epoch=found + 1, **ours))
            if held is not None:  # nobody else has to hear of it, and all processes on the server would
                self.database.notify(connection, run)
        return found + 1, held

    @contextmanager
    def _lock_of(self, holder: Holder) -> Iterator[None]:
        """Lock a holder before others can read that it holds a run, and unlock it if it comes to hold none."""
        if holder not in self._held:
            self._held[holder] = holders.lock(self._locks, holder), set()
        try:
            yield
        finally:
            self._unlock_idle(holder)

    def _unlock_idle(self, holder: Holder) -> None:
        lock, runs = self._held.get(holder, (None, set()))
        if lock is not None and not runs:
            self._held.pop(holder)
            lock.release()
            holders.forget(self._locks, holder)

    def _claim(self, run: str, epoch: int, holder: Holder) -> SqlClaim:
        _, runs = self._held[holder]
        runs.add(run)

        def on_moved() -> None:
            lock, _ = self._held[holder]
            if lock is None or not lock.intact:
                self._held[holder] = holders.lock(self._locks, holder), runs
                if lock is not None:
                    lock.release()

        def on_released() -> None:
            runs.discard(run)
            self._unlock_idle(holder)

        return SqlClaim(
            self.database,
            run,
            epoch,
            now=self._now,
            alive=self.alive,
            lease=self.lease,
            moved=on_moved,
            released=on_released,
        )

    def request(self, run: str, what: RequestKind, data: Mapping[str, Any] | None = None) -> int:
        """Send a request to the process that drives a run."""
        asked = select(RUNS.c.id, literal(what), literal(rows.as_json(data or {}))).where(RUNS.c.id == run)
        kept = insert(REQUESTS).from_select(["run", "what", "data"], asked).returning(REQUESTS.c.number)
        with self.database.writing() as connection:
            _require_here(connection, run)
            number = connection.scalars(kept).one_or_none()
            if number is None:
                raise run_unknown(run, self._place)
            self.database.notify(connection, run)
        return int(number)

    def answer(self, run: str, gate: str, answer: Answer) -> None:
        """Store an answer that is valid for the gate; the first one wins, even across processes."""
        with self.database.writing() as connection:
            _require_here(connection, run)
            gates.answer(connection, run, gate, answer)
            self.database.notify(connection, run)

    def owing(self) -> list[str]:
        """The ended runs that were released and still owe undos."""
        released = RUNS.c.outcome.is_not(None) & RUNS.c.holder_host.is_(None)
        with self.database.reading() as connection:
            return _owing(connection, released)

    def prune(self, before: float, *, dry_run: bool = False) -> list[str]:
        """Delete ended runs that owe nothing and were last written before a time; returns their ids."""
        ended = RUNS.c.outcome.is_not(None) & RUNS.c.phase.in_(_ENDED)  # both, or one of them is damaged
        old = ended & (RUNS.c.updated < before) & ~exists().where(SNAPSHOTS.c.run == RUNS.c.id, _NEWER_FORM)
        with self.database.writing(long=True) as connection:
            driven = self._driven_runs(connection, select(RUNS.c.id, *HOLDER).where(old))
            kept = driven + _owing(connection, old & RUNS.c.holder_where.is_distinct_from(MOVED))
            free = old & RUNS.c.id.not_in(kept)
            if dry_run:
                return sorted(columns.texts(connection.scalars(select(RUNS.c.id).where(free))))
            # Locked and judged again, since a process may have claimed one meanwhile; the driven ones are not locked,
            # since their processes renew their leases.
            claimed = self._driven_runs(connection, select(RUNS.c.id, *HOLDER).where(free).with_for_update())
            chosen = old & RUNS.c.id.not_in(kept + claimed)
            pruned = connection.scalars(delete(RUNS).where(chosen).returning(RUNS.c.id)).all()
            shared_rows.drop_unused_texts(self.database, connection)
        return sorted(columns.texts(pruned))

    def _driven_runs(self, connection: Connection, wanted: Select[Any]) -> list[str]:
        """The runs that may have a process that drives them, from their ids and holders."""
        return columns.texts(run for run, *holder in connection.execute(wanted) if self._may_live(*holder))

    def _may_live(self, *holder: object) -> bool:
        """Whether the process that the columns of a run name may drive it."""
        try:
            held = columns.holder(*holder)
        except Damaged:
            return True
        return held is not None and not held.has_moved and self.alive(held)

    def close(self) -> None:
        """Close all connections and locks, including those of claims, which are not released."""
        while self._held:
            _, (lock, _) = self._held.popitem()
            if lock is not None:
                lock.release()
        self.database.close()


def _require_here(connection: Connection, run: str) -> None:
    """Make sure that nobody moves a run to another store until the transaction ends.

    Raises:
        RunMoved: It was moved.
    """
    host, _, _, where, _ = HOLDER
    row = connection.execute(select(host, where).where(RUNS.c.id == run).with_for_update(read=True)).one_or_none()
    if row is not None and row[1] == MOVED:
        raise RunMoved(run, columns.as_text(row[0]))


def _owing(connection: Connection, among: ColumnElement[bool]) -> list[str]:
    """Those of some ended runs that still owe undos; the snapshots of the others are not loaded."""
    perhaps = columns.texts(connection.scalars(select(RUNS.c.id).where(among & RUNS.c.id.in_(_PERHAPS_OWING))))
    return [run for run in perhaps if jobs.owes_undos(connection, run)]


def _claimable(run: str, epoch: object, *holder: object) -> tuple[int, Holder | None]:
    """How often a run was claimed, and its holder."""
    try:
        return columns.number("epoch", epoch), columns.holder(*holder)
    except Damaged as error:
        raise decoding.run_damaged(run, error) from None
