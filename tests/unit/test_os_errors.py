"""Errors of the operating system, in words for whoever runs the machine."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

import pytest

from retake_flow.os_errors import host_error


@pytest.mark.parametrize(
    ("number", "place", "hint"),
    [
        (errno.EMFILE, "", "ulimit -n"),
        (errno.ENFILE, "", "fs.file-max"),
        (errno.ENOMEM, "", "memory"),
        (errno.EFBIG, "/tmp/x", "ulimit -f unlimited"),
        (errno.ENOSPC, "/tmp/nowhere/x", "df -h /tmp"),
        (errno.EDQUOT, "/tmp/x", "df -h /tmp"),
        (errno.EROFS, "/tmp/x", "mount it so that it can be written"),
        (errno.EACCES, "/tmp/a b/c", f"sudo chown {os.geteuid()}:{os.getegid()} /tmp"),
        (errno.ENOTDIR, "/dev/null/x", "ls -ld /dev/null"),
        (errno.EEXIST, "/dev/null", "ls -ld /dev/null"),
    ],
)
def test_what_only_the_operator_can_mend_says_how(number: int, place: str, hint: str) -> None:
    """The message has the system's reason and the place; the hint has the command that mends it."""
    found = host_error(OSError(number, os.strerror(number), place or None), "the folder cannot be made")
    assert found is not None
    assert found.message.startswith(f"the folder cannot be made: {os.strerror(number)}")
    assert found.message.endswith(place)
    assert hint in found.hint
    assert (found.kind, found.fault, found.exit_code) == ("host", "operator", 6)


def test_a_command_can_be_pasted_whatever_the_place_is_called(tmp_path: Path) -> None:
    """A name with blanks and quotes is written as a shell takes it."""
    folder = tmp_path / "an owl's nest"
    folder.mkdir()
    found = host_error(PermissionError(errno.EACCES, "Permission denied", str(folder / "x")), "no")
    assert found is not None
    assert shlex.split(found.hint)[-1] == str(folder)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        TimeoutError(errno.ETIMEDOUT, "timed out"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/tmp/x"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        PermissionError(errno.EACCES, "Permission denied"),  # of a network, since there is no place
        OSError("no number"),
    ],
)
def test_what_may_pass_is_left_alone(error: OSError) -> None:
    """A network that fails, or a file that is gone, is nobody's fault here."""
    assert host_error(error, "no") is None
