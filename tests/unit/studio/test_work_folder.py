"""A process leaves no folder behind, takes away those that killed ones could not, and lets the living alone."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retake_flow.errors import HostError, StudioError
from retake_flow.locks import is_held
from retake_flow.studio.work_folder import WorkFolder, work_folder

_WORKER = """
import sys
from retake_flow.studio.work_folder import work_folder
with work_folder() as folder:
    print(folder.path, flush=True)
    sys.stdin.read()
"""
_AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes PID namespaces")
ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, for one test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@contextmanager
def worker(*prefix: str) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Another process with a working folder."""
    command = [*prefix, sys.executable, "-c", _WORKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Path(process.stdout.readline().rstrip("\n")), process
        process.kill()


def test_the_folder_is_gone_with_the_work(temporary: Path) -> None:
    """While the work lasts it has a folder that only its owner can enter, and then nothing is left."""
    with work_folder() as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        (folder.path / "stream.log").write_text("x")
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path) -> None:
    """By a lock, not by its process id: also when that belongs to somebody else by now."""
    with worker() as (left, process):
        (left / "kept").touch()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert left.exists()
        with work_folder():
            assert not left.exists()


def test_a_living_folder_stays_whoever_looks(temporary: Path) -> None:
    """Another process of the same machine removes nothing."""
    with worker() as (living, _), work_folder():
        assert is_held(living)
    assert living.name.startswith("retake-flow-")


@pytest.mark.parametrize("elsewhere", [False, pytest.param(True, marks=_AS_ROOT)], ids=["here", "in a container"])
def test_where_locks_do_not_work_a_mark_tells(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    """A folder whose process is gone is removed by its neighbours; what lives, or may live elsewhere, stays."""

    def refuse(_handle: int, _kind: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    with worker(*(ELSEWHERE if elsewhere else ())) as (left, process), worker() as (living, _):
        assert (left / "process").read_text().count("/") == 1
        process.kill()
        process.wait()
        monkeypatch.setattr(fcntl, "flock", refuse)
        unknown = [temporary / f"retake-flow-unknown{number}" for number in range(3)]
        for folder, text in zip(unknown, ("", "no mark", f"{process.pid} 1.0"), strict=True):
            folder.mkdir()
            (folder / "process").write_text(text)
        with work_folder():
            assert left.exists() is elsewhere
            assert living.is_dir()
            assert all(folder.is_dir() for folder in unknown)


@_AS_ROOT
@pytest.mark.parametrize(("first", "second"), [((), ELSEWHERE), (ELSEWHERE, ()), (ELSEWHERE, ELSEWHERE)])
def test_a_living_folder_of_another_pid_namespace_stays(
    temporary: Path, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    """Two containers that share /tmp: neither knows the other's process ids."""
    with worker(*first) as (living, _), worker(*second) as (other, _):
        assert living.is_dir()
        assert other.is_dir()


def test_what_is_not_ours_stays(temporary: Path) -> None:
    """A folder of another name, one of an older version, which holds no lock, and a link."""
    others = [temporary / name for name in ("retake-flow-notes", "retake-flow-12345-abcdefgh", "abcdefgh")]
    for other in others:
        other.mkdir()
        (other / "kept").touch()
    link = temporary / "retake-flow-abcdefgh"
    link.symlink_to(others[0])
    with work_folder():
        assert {path.name for path in temporary.iterdir()} >= {link.name, *(other.name for other in others)}
    assert all((other / "kept").exists() for other in others)


def test_what_vanishes_is_made_again_and_held_again(temporary: Path) -> None:
    """Whoever removed it, the next look at it finds it there, private and not abandoned."""
    with work_folder() as folder:
        shutil.rmtree(folder.path)
        assert folder.ensure("sound") == folder.path / "sound"
        assert (folder.path / "sound").stat().st_mode & 0o777 == 0o700
        assert is_held(folder.path)
        shutil.rmtree(temporary)  # the whole of /tmp
        folder.ensure()
        with work_folder():
            assert folder.path.is_dir()
    assert not folder.path.exists()


def test_a_folder_that_another_process_takes_for_abandoned_is_made_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no lock in its first moment, and may be removed between any two calls of the system."""
    real, removed = os.mkdir, list[Path]()

    def removing(path: Path, mode: int = 0o777) -> None:
        try:
            real(path, mode)
        except FileExistsError:
            if not removed:
                removed.append(path)
                os.rmdir(path)
            raise

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", removing)
        with work_folder() as folder:
            assert removed == [folder.path]
            assert is_held(folder.path)
    assert list(temporary.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """With the place to look at, and not as a defect."""
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="cannot be made") as caught:
        WorkFolder(tmp_path / "file" / "below")
    assert "name a folder" in caught.value.hint
    folder = WorkFolder(tmp_path / "work")
    (folder.path / "sound").touch()
    with pytest.raises(StudioError, match="sound cannot be made"):
        folder.ensure("sound")
