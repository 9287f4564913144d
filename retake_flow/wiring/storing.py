"""Storing: opens the store of this process's settings, and names its user."""

from __future__ import annotations

import os
from collections.abc import Sequence

from retake_flow.ports.runs import Holder, Runs, Summary
from retake_flow.run.run import Phase
from retake_flow.settings import Settings
from retake_flow.store import holders
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

__all__ = ["is_alive", "is_certain", "is_driven", "list_runs", "open_store", "this_process", "this_user"]


def open_store(settings: Settings) -> Runs:
    """The store in the settings, created if it does not exist.

    Raises:
        StoreError: The store cannot be opened or created.
        SettingsError: The setting does not name a store.
    """
    settings.require_home()
    return open_runs(settings.store, lease=settings.lease)


def list_runs(
    settings: Settings, *, phases: Sequence[Phase] = (), agent: str = "", flow: str = "", limit: int | None = None
) -> list[Summary]:
    """Runs, the newest first, as `Runs.summaries` returns them, in the shortest time.

    Raises:
        StoreError: The store cannot be opened or created.
        SettingsError: The setting does not name a store.
    """
    from contextlib import closing

    from retake_flow.store import listing

    settings.require_home()
    found = listing.listed(settings.store, phases=phases, agent=agent, flow=flow, limit=limit)
    if found is not None:
        return found
    with closing(open_store(settings)) as store:
        return store.summaries(phases=phases, agent=agent, flow=flow, limit=limit)


def is_alive(holder: Holder) -> bool:
    """Whether the holder of a run in this process's store is alive, as far as this process can know."""
    return holders.alive(holder, holders.locks_beside(Settings.from_environment().store))


def is_certain(holder: Holder) -> bool:
    """Whether this process can know for certain whether the holder of a run in its store is alive."""
    return holders.certain(holder, holders.locks_beside(Settings.from_environment().store))


def is_driven(holder: Holder | None) -> bool:
    """Whether a process drives the run of this holder."""
    return holder is not None and is_alive(holder)


def this_user() -> str:
    """The name of the user who started this process; the user id if it has no name."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
