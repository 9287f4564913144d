"""What a program writes while nobody reads."""

from __future__ import annotations

import os

import pytest

from retake_flow.studio.processes.output import LONGEST_UNREAD, Output


def test_what_was_written_is_read_once_and_in_order() -> None:
    """Each reading gives what came since the last."""
    output = Output()
    assert output.read() == b""
    for text in (b"one\n", b"two\nth", b"ree\n"):
        os.write(output.fd, text)
        assert output.read() == text
    output.close()


def test_of_much_the_newest_lines_are_read() -> None:
    """Who slept for long reads the end of it, in whole lines."""
    output = Output()
    os.write(output.fd, b"".join(b"%d\n" % number for number in range(100_000)))
    lines = output.read().split()
    assert len(lines) > 5_000
    assert lines == [b"%d" % number for number in range(100_000 - len(lines), 100_000)]
    output.close()


def test_what_was_read_takes_no_room() -> None:
    """However much is written, what was read is gone, and writing goes on behind it."""
    output = Output()
    for number in range(1_000):
        line = b"%01000d\n" % number
        os.write(output.fd, line)
        assert output.read() == line
        assert os.fstat(output.fd).st_blocks * 512 <= 3 * LONGEST_UNREAD
    output.close()


def test_nothing_is_lost_that_is_written_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program does not wait until the memory of what was read is free again."""
    output = Output()
    read = os.pread

    def busy(fd: int, length: int, at: int) -> bytes:
        data = read(fd, length, at)
        os.write(fd, b"meanwhile\n")
        return data

    os.write(output.fd, b"%099999d\n" % 1)
    monkeypatch.setattr(os, "pread", busy)
    output.read()
    assert output.read() == b"meanwhile\n"
    output.close()


def test_a_program_may_empty_what_it_wrote() -> None:
    """What it writes afterwards is read from the beginning."""
    output = Output()
    os.write(output.fd, b"one\n")
    assert output.read() == b"one\n"
    os.ftruncate(output.fd, 0)
    os.write(output.fd, b"2\n")
    assert output.read() == b"2\n"
    output.close()


def test_one_line_without_an_end_is_survived() -> None:
    """A program that never ends its line is read on all the same."""
    output = Output()
    os.write(output.fd, b"x" * 10 * LONGEST_UNREAD)
    output.read()
    os.write(output.fd, b"\nend\n")
    assert output.read().endswith(b"end\n")
    output.close()
    assert output.read() == b""
