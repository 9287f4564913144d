"""What a process holds, seen by others, wherever they are."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retake_flow.locks import Lock, _try_lock, is_held, remove_abandoned

_HOLDER = """
import sys
from pathlib import Path
from retake_flow.locks import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds something."""
    command = [*prefix, sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture(params=["file", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file or a folder with something in it."""
    path = tmp_path / "place"
    if request.param == "file":
        path.touch()
    else:
        (path / "below").mkdir(parents=True)
    return path


def test_what_a_living_process_holds_is_not_removed(place: Path) -> None:
    """Once the process is dead, however it died, it is abandoned."""
    with holder(place) as process:
        assert is_held(place)
        remove_abandoned([place])
        assert place.exists()
        process.kill()
        process.wait()
        assert not is_held(place)
        remove_abandoned([place])
        assert not place.exists()


def test_what_we_hold_we_do_not_remove(place: Path) -> None:
    """Nor does another part of this process; until it is released."""
    lock = Lock(place)
    remove_abandoned([place])
    assert lock.intact
    lock.release()
    remove_abandoned([place])
    assert not place.exists()


def test_what_is_held_is_held_once(place: Path) -> None:
    """The second is told, or waits, and can have it afterwards."""
    with holder(place) as process:
        with pytest.raises(BlockingIOError):
            Lock(place)
        process.kill()
        Lock(place, wait=True).release()


def test_those_who_look_do_not_see_each_other(place: Path) -> None:
    """Many who watch a dead process all see that it is dead."""
    with _try_lock(place, fcntl.LOCK_SH):
        assert not is_held(place)
        lock = threading.Thread(target=lambda: Lock(place, wait=True).release())
        lock.start()
    lock.join(60)
    assert not is_held(place)


def test_a_child_does_not_inherit_what_we_hold(place: Path) -> None:
    """A program that outlives us must not keep what is ours."""
    lock = Lock(place)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        lock.release()
        assert not is_held(place)
        child.kill()


def test_what_was_replaced_is_not_what_was_locked(place: Path) -> None:
    """Somebody has removed it and put another in its place."""
    lock = Lock(place)
    os.rename(place, place.with_name("moved"))
    assert not lock.intact
    place.mkdir()
    assert not lock.intact
    assert not is_held(place)
    lock.release()


def test_links_and_what_is_not_there_are_left_alone(tmp_path: Path) -> None:
    """A link is neither held nor followed."""
    other = tmp_path / "other"
    other.mkdir()
    link = tmp_path / "link"
    link.symlink_to(other)
    remove_abandoned([link, tmp_path / "nothing"])
    assert link.is_symlink()
    assert other.exists()
    with pytest.raises(OSError, match="symbolic"):
        Lock(link)
    with pytest.raises(FileNotFoundError):
        Lock(tmp_path / "nothing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")
def test_a_holder_in_another_pid_namespace_is_seen(place: Path) -> None:
    """Its process id says nothing here, its lock does."""
    with holder(place, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"):
        assert is_held(place)
        remove_abandoned([place])
        assert place.exists()


def test_a_new_lock_is_never_seen_without_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its holder is taken for dead in the moment between the two."""
    path = tmp_path / "new"
    seen: list[bool] = []
    flock = fcntl.flock

    def watched(handle: int, kind: int) -> None:
        seen.append(path.exists())
        flock(handle, kind)

    monkeypatch.setattr(fcntl, "flock", watched)
    lock = Lock.on_new(path)
    assert seen[0] is False
    assert lock.intact
    assert is_held(path)


def test_a_new_lock_is_refused_while_somebody_looks_at_it(tmp_path: Path) -> None:
    """A process that looks whether a lock is held has it for a moment, for which `holders` and `account_lock` wait."""
    path = tmp_path / "new"
    path.touch()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        with pytest.raises(BlockingIOError):
            Lock.on_new(path)
        fcntl.flock(looking, fcntl.LOCK_UN)
        assert Lock.on_new(path).intact


def test_where_a_file_cannot_be_locked_before_it_has_a_name_it_is_locked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every file system has files without names, and not every container has /proc."""
    for missing in ("tmpfile", "link"):
        with monkeypatch.context() as patch:
            if missing == "tmpfile":
                patch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_CREAT)
            else:
                patch.setattr(os, "link", lambda *paths, **folders: os.open("/nowhere/at/all", os.O_RDONLY))
            lock = Lock.on_new(tmp_path / missing)
            assert lock.intact
            assert is_held(tmp_path / missing)
