"""Where a process id is valid, and whether it still names the same process."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from retake_flow import process_place


def test_a_name_with_parentheses_is_no_riddle(tmp_path: Path) -> None:
    """A program may be called anything, also what looks like the fields that follow its name."""
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with subprocess.Popen([program, "60"]) as child:
        try:
            started = process_place.start_time(child.pid)
        finally:
            child.kill()
    assert before - 0.02 <= started <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_a_mark_names_this_process_for_all() -> None:
    """It is gone only for those who share its place, and only when it is."""
    mark = process_place.mark()
    pid, started, place = mark.split()
    assert (int(pid), place) == (os.getpid(), process_place.where())
    assert not process_place.is_gone(mark)
    assert process_place.is_gone(f"{pid} {float(started) - 60} {place}")
    assert process_place.is_gone(f"{2**22 + 1} {started} {place}")


@pytest.mark.parametrize("mark", ["", "1", "1 2", "a b c", "1 nan", "4194305 1.0 another-boot/1", "\0" * 50])
def test_nobody_is_gone_by_a_mark_of_elsewhere_or_none(mark: str) -> None:
    """Another boot, another PID namespace, or no mark at all: that is for others to know."""
    assert not process_place.is_gone(mark)
