"""Who holds a run, told from real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from store_samples import a_run

from retake_flow import process_place
from retake_flow.locks import is_held
from retake_flow.ports.runs import Holder
from retake_flow.run.errors import RunHeld
from retake_flow.store import holders
from retake_flow.store.holders import is_alive, is_certain, this_process
from retake_flow.store.opening import open_runs
from retake_flow.store.sql.runs import SqlRuns


def test_this_process_lives() -> None:
    """We know ourselves by host, process id and start."""
    us = this_process()
    assert us.host.split("/")[0] == os.uname().nodename
    assert us.pid == os.getpid()
    assert is_alive(us)


def test_a_process_of_another_start_is_another_process() -> None:
    """A process id that was used again is not who held the run."""
    us = this_process()
    assert is_alive(replace(us, started=us.started + 0.005))
    assert not is_alive(replace(us, started=us.started + 0.1))
    assert not is_alive(replace(us, started=us.started - 60))


def test_a_clock_that_is_set_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is told by its start since boot, which does not move with the time of day as psutil's does."""
    us = this_process()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: time.time() + 3600)
    assert is_alive(us)
    assert this_process() == us
    assert 0 < us.started <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_where_there_is_no_proc_the_time_of_day_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems keep the start of a process as a time of day, and that does as well."""
    this_process()  # what is known of the place is kept
    monkeypatch.setattr(process_place, "Path", lambda *parts: Path("/nowhere", *parts[1:]))
    us = this_process()
    assert us.started == psutil.Process().create_time()
    assert is_alive(us)
    assert not is_alive(replace(us, started=us.started - 1))


def test_a_dead_process_is_dead_at_once() -> None:
    """Also while nobody has asked for its exit status yet, and after it is gone."""
    child = subprocess.Popen(["sleep", "60"])
    holder = Holder(os.uname().nodename, child.pid, process_place.start_time(child.pid))
    assert is_alive(holder)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    assert not is_alive(holder)
    child.wait()
    assert not is_alive(holder)


def test_processes_of_another_host_count_as_alive() -> None:
    """Nobody here can know of them, so only force takes their runs."""
    assert is_alive(Holder("elsewhere", 1, 0.0))


def test_two_hosts_of_one_name_judge_no_process_of_each_other() -> None:
    """A clone of this machine has its name, and our process id may be in use there; what differs is where it booted."""
    us = this_process()
    dead = replace(us, started=us.started - 60)
    assert (is_alive(dead), is_certain(dead)) == (False, True)
    elsewhere = replace(dead, where="9b1f0a52-0000-4000-8000-000000000000/4026531836")
    assert (is_alive(elsewhere), is_certain(elsewhere)) == (True, False)
    # An older version wrote only the name of the host.
    assert not is_alive(Holder(us.host, dead.pid, dead.started))


@pytest.mark.parametrize(("lease", "lives"), [(0.5, True), (0.0, False), (-3600.0, False)])
def test_a_process_elsewhere_lives_as_long_as_its_lease(lease: float, lives: bool) -> None:
    """Its host may have lost power; the store's clock tells, whoever looks."""
    other = Holder("studio-2", 7, 100.0, "boot/1", lease)
    assert (is_alive(other), is_certain(other)) == (lives, True)


def test_a_process_here_that_was_stopped_past_its_lease(tmp_path: Path) -> None:
    """On a server anybody may have its runs. Beside a file nobody does: the process is seen to live."""
    us = replace(this_process(), lease=-1.0)
    assert not is_alive(us)
    assert is_alive(us, tmp_path)


# --- locks, for those whose process ids mean nothing here ------------------------------------------------------

_HOLDER = """
import sys
from pathlib import Path
from retake_flow.store.holders import lock, this_process
us = this_process()
held = lock(Path(sys.argv[1]), us)
print(us.host, us.pid, us.started, flush=True)
sys.stdin.read()
"""


@contextmanager
def elsewhere(locks: Path) -> Iterator[tuple[Holder, subprocess.Popen[str]]]:
    """A holder in another PID namespace, with a lock."""
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", _HOLDER, str(locks)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host, pid, started = process.stdout.readline().split()
        yield Holder(host, int(pid), float(started)), process
        process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")
def test_a_process_of_another_pid_namespace_is_known_by_its_lock(tmp_path: Path) -> None:
    """It lives as long as it holds the lock; without a folder that both see, it is never taken for dead."""
    with elsewhere(tmp_path / "locks") as (holder, process):
        assert holder.host.startswith(f"{os.uname().nodename}/pid-")
        assert is_alive(holder, tmp_path / "locks")
        process.kill()
        while is_alive(holder, tmp_path / "locks"):
            process.wait(60)
        assert is_alive(holder)
        assert is_alive(holder, tmp_path / "other")


def test_a_dead_container_of_another_name_is_known_by_its_lock(tmp_path: Path) -> None:
    """A container that was made anew has another host name, and sees that the old one's process is gone."""
    holders.lock(tmp_path / "locks", this_process())
    (file,) = (tmp_path / "locks").iterdir()
    other = Holder("a1b2c3", 7, 100.0)
    file.with_name(holders._lock_file(file.parent, other).name).touch()
    assert not is_alive(other, file.parent)
    assert is_alive(this_process(), file.parent)


def test_a_holder_of_an_older_version_is_known_by_its_process_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """It told no namespace, also where there was one."""
    us = this_process()
    monkeypatch.setattr(holders, "_FIRST_NAMESPACE", 0)
    assert this_process().host != us.host
    assert is_alive(us)
    assert not is_alive(replace(us, started=us.started - 60))


@pytest.mark.parametrize(
    ("store", "folder"),
    [
        ("/a/runs.sqlite", "/a/runs.sqlite-holders"),
        ("sqlite:////a/runs.sqlite", "/a/runs.sqlite-holders"),
        ("postgresql://server/runs", None),
    ],
)
def test_locks_are_beside_a_store_that_is_a_file(store: str, folder: str | None) -> None:
    """Clients of a server share no folder."""
    assert holders.locks_beside(store) == (None if folder is None else Path(folder))


def test_a_claim_has_a_lock_until_it_is_released(tmp_path: Path) -> None:
    """Then nothing is left; a claim on behalf of somebody else has none."""
    locks = tmp_path / "runs.sqlite-holders"
    with closing(open_runs(tmp_path / "runs.sqlite")) as runs:
        claim = runs.create(a_run(), agent="", flow_file="", flow_text="", holder=this_process())
        assert len(list(locks.iterdir())) == 1
        assert is_alive(this_process(), locks)
        claim.release()
        assert list(locks.iterdir()) == []
        runs.claim(a_run().id, Holder("elsewhere", 1, 1.0)).release()
        assert list(locks.iterdir()) == []


def test_a_process_that_drives_several_runs_has_its_lock_until_the_last(tmp_path: Path) -> None:
    """As by `resume --all`; who looks from elsewhere sees it alive all the time, and dead when the store was closed."""
    locks = tmp_path / "runs.sqlite-holders"
    with closing(open_runs(tmp_path / "runs.sqlite")) as runs:
        claims = [
            runs.create(a_run(name), agent="", flow_file="", flow_text="", holder=this_process()) for name in "abc"
        ]
        for claim in claims[:2]:
            claim.release()
            assert is_held(holders._lock_file(locks, this_process()))
    assert not is_alive(this_process(), locks)


def test_a_claim_is_locked_before_others_can_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a process in another container takes the run in the moment between the two."""
    place = tmp_path / "runs.sqlite"
    with closing(open_runs(place)) as runs, closing(open_runs(place)) as others:
        runs.create(a_run(), agent="", flow_file="", flow_text="", holder=this_process()).release()
        monkeypatch.setattr("retake_flow.process_place.runs", lambda pid, started: False)  # as seen from elsewhere
        claimed = SqlRuns._claim
        told: list[RunHeld] = []

        def interrupted(self: SqlRuns, *claim: Any) -> Any:
            if self is runs:
                with pytest.raises(RunHeld) as held:
                    others.claim(a_run().id, Holder("elsewhere", 1, 1.0))
                told.append(held.value)
            return claimed(self, *claim)

        monkeypatch.setattr(SqlRuns, "_claim", interrupted)
        runs.claim(a_run().id, this_process()).release()
    assert told[0].pid == os.getpid()


def test_where_no_lock_can_be_made_process_ids_tell(tmp_path: Path) -> None:
    """A folder that cannot be made keeps no run from being driven."""
    (tmp_path / "locks").touch()
    assert holders.lock(tmp_path / "locks", this_process()) is None
    assert is_alive(this_process(), tmp_path / "locks")
