"""Files that others may have put there."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from retake_flow import plain_file


def sparse(path: Path) -> None:
    """A file that says that it has ten gigabytes."""
    with path.open("wb") as file:
        file.truncate(10 << 30)


def unix_socket(path: Path) -> None:
    """The socket of somebody who is gone."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def test_a_plain_file_is_read_as_it_is(tmp_path: Path) -> None:
    """Up to as many bytes as it may have, also through a link."""
    file, link = tmp_path / "a", tmp_path / "link"
    file.write_bytes(b"\xff" * 1024)
    link.symlink_to(file)
    assert plain_file.read(file, 1024) == plain_file.read(str(link)) == b"\xff" * 1024
    file.write_bytes(b"")
    assert plain_file.read(file) == b""


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (os.mkfifo, "it is not a plain file"),
        (unix_socket, "it is not a plain file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is not a plain file"),
        (lambda path: path.symlink_to("/dev/ptmx"), "it is not a plain file"),
        (lambda path: path.symlink_to("/proc/self/fd"), "it is a folder"),
        (Path.mkdir, "it is a folder"),
        (sparse, "it is larger than 4 MiB"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
    ],
)
def test_what_is_none_is_refused_at_once(tmp_path: Path, made: Callable[[Path], None], said: str) -> None:
    """Nothing is waited for, and nothing of it is read."""
    made(tmp_path / "x")
    with pytest.raises(OSError, match=said) as raised:
        plain_file.read(tmp_path / "x")
    assert raised.value.strerror == said


@pytest.mark.parametrize("name", ["/proc/self/environ", "/proc/kmsg", "/proc/self/mem"])
def test_what_a_kernel_makes_up_counts_as_empty(name: str) -> None:
    """It says so itself; a log that is read would be emptied, or waited for."""
    if os.access(name, os.R_OK):
        assert plain_file.read(name) == b""


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is judged before and meanwhile."""
    file, real = tmp_path / "a", os.fstat
    file.write_bytes(b"x" * 10)

    def growing(handle: int) -> os.stat_result:
        seen = real(handle)
        with file.open("ab") as more:
            more.write(b"x" * 2048)
        return seen

    monkeypatch.setattr(os, "fstat", growing)
    with pytest.raises(OSError, match="larger than 1 KiB"):
        plain_file.read(file, 1024)


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look and the opening."""
    file = tmp_path / "a"
    os.mkfifo(file)
    plain = os.stat_result((stat.S_IFREG | 0o600, *([0] * 9)))
    monkeypatch.setattr(os, "stat", lambda path, **_: plain)
    with pytest.raises(OSError, match="not a plain file"):
        plain_file.read(file)
