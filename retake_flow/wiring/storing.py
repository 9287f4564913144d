"""Storing: opens the store of this process's settings, and names its user."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from retake_flow.ports.runs import Holder, ReadableRuns, Runs, Stored, Summary
from retake_flow.run.identity import fingerprint
from retake_flow.settings import Settings, store_place
from retake_flow.store import holders
from retake_flow.store.holders import this_process as this_process

if TYPE_CHECKING:
    from retake_flow.store.sql.copying import Copied
    from retake_flow.store.sql.fleet import SqlFleet


def open_store(settings: Settings) -> Runs:
    """The store in the settings, created if it does not exist.

    Raises:
        StoreError: The store cannot be opened or created.
        SettingsError: The setting does not name a store.
    """
    settings.require_home()
    from retake_flow.store.opening import open_runs  # not needed for reading

    return open_runs(settings.store, lease=settings.lease, owner=owner_of(settings))


def open_fleet(settings: Settings) -> SqlFleet:
    """The same store for work on the runs that any host may drive; errors as for `open_store`."""
    settings.require_home()
    from retake_flow.store import opening

    return opening.open_fleet(settings.store, lease=settings.lease, owner=owner_of(settings))


def open_for_reading(settings: Settings) -> ReadableRuns:
    """The store in the settings, in the shortest time, for a command that only reads; errors as for `open_store`."""
    from retake_flow.store.reading import open_file

    settings.require_home()
    return open_file(settings.store, owner_of(settings)) or open_store(settings)


@contextmanager
def named_run(name: str) -> Iterator[tuple[Runs, str]]:
    """The store in the settings of this process, and the id of the run that the user means by a name."""
    with closing(open_store(Settings.from_environment())) as store:
        yield store, store.find(name)


@contextmanager
def readable_run(name: str) -> Iterator[tuple[ReadableRuns, str]]:
    """The same in the shortest time, for a command that only reads."""
    with closing(open_for_reading(Settings.from_environment())) as store:
        yield store, store.find(name)


def copy_store(source: str, target: str, progress: Callable[[int, int], None]) -> tuple[Copied, str, str]:
    """Copy all runs of one store into another; see `opening.copy_store`."""
    from retake_flow.store.opening import copy_store

    def owner(there: str) -> str:
        """Where the same credentials are, as seen from the target."""
        kind, _, file = there.partition(" ")
        return _named_from(target, os.path.join(_folder(source), file)) if kind == "file" else there

    return copy_store(source, target, owner, progress)


def prepare_store(place: str) -> int:
    """Bring the tables of a store up to date, and return their version."""
    from retake_flow.store.opening import open_runs
    from retake_flow.store.sql.migrations import STEPS

    open_runs(place).close()
    return len(STEPS)


def _folder(store: str) -> str:
    """The folder from which a file store names credentials; "" for a server."""
    path = store.removeprefix("sqlite:///") if store.startswith("sqlite:///") else store
    return "" if "://" in path else os.path.realpath(os.path.dirname(os.path.expanduser(path)) or ".")


def _named_from(store: str, credentials: str) -> str:
    file = os.path.realpath(credentials)
    if "://" not in store:  # the two may be copied elsewhere together
        file = os.path.relpath(file, _folder(store))
    return f"file {file}"


def owner_of(settings: Settings) -> str:
    """The agent of these settings, as far as its credentials tell agents on one machine apart."""
    if settings.access_token is None:
        return _named_from(settings.store, str(settings.credentials))
    return f"token {fingerprint(settings.access_token)}"


def is_alive(holder: Holder) -> bool:
    """Whether the holder of a run in this process's store is alive, as far as this process can know."""
    return holders.is_alive(holder, holders.locks_beside(store_place()))


def is_certain(holder: Holder) -> bool:
    """Whether this process can know for certain whether the holder of a run in its store is alive."""
    return holders.is_certain(holder, holders.locks_beside(store_place()))


def is_driven(holder: Holder | None) -> bool:
    """Whether a process drives the run of this holder."""
    return holder is not None and not holder.has_moved and is_alive(holder)


def load_with_driver(store: ReadableRuns, run: str) -> tuple[Stored, bool]:
    """A run as last written, and whether a process drives it.

    A process may release the run and exit between the two looks. So the run is read again when its process is gone.

    Raises:
        RunUnknown: There is no run with this id.
        Damaged: Its stored data cannot be read.
    """
    stored = store.load(run)
    driven = is_driven(stored.holder)
    if stored.holder is not None and not driven:
        stored = store.load(run)
        driven = is_driven(stored.holder)
    return stored, driven


def summaries_with_drivers(read: Callable[[], list[Summary]]) -> list[Summary]:
    """The summaries that a function reads, in none of which a process seems dead that has just ended its run.

    They are read again when a process is gone, as long as others than before are.
    """
    known = set[tuple[str, Holder]]()
    while True:
        found = read()
        held = ((one.id, one.holder) for one in found if one.outcome is None and one.holder is not None)
        gone = {(run, holder) for run, holder in held if not is_driven(holder)}
        if gone <= known:
            return found
        known |= gone


def this_user() -> str:
    """The name of the user who started this process; the user id if it has no name."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
