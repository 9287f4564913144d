"""What is kept of a program's output."""

from __future__ import annotations

import os

import pytest

from retake_flow.redact import MASK, Secret
from retake_flow.studio.processes.process import KEPT_LINES, LONGEST_LINE, LONGEST_UNREAD, Output, Process


def test_lines_are_put_together_and_the_last_ones_kept() -> None:
    """Output cut anywhere becomes whole lines, of which the newest are kept."""
    process = Process("program")
    output = "".join(f"line {number}\r\n" for number in range(50)).encode()
    for start in range(0, len(output), 7):
        process.pipe_data_received(2, output[start : start + 7])
    assert process.lines == tuple(f"line {number}" for number in range(50 - KEPT_LINES, 50))


def test_a_last_line_without_an_end_is_kept_too() -> None:
    """What a program wrote before it died in the middle of a line is not lost."""
    process = Process("program")
    process.pipe_data_received(2, b"cannot open displ")
    process.pipe_connection_lost(2, None)
    assert process.lines == ("cannot open displ",)


def test_secrets_are_masked_even_across_pieces_and_before_lines_are_cut() -> None:
    """A secret is in no line, neither when it arrives in pieces nor when the line is shortened inside it."""
    secret = Secret("rtmp://ingest/app/very-secret-key").reveal()
    process = Process("program")
    line = b"x" * (LONGEST_LINE - 20) + b" " + secret.encode() + b" refused\n"
    process.pipe_data_received(2, line[:-20])
    process.pipe_data_received(2, line[-20:])
    assert len(process.lines) == 1
    assert MASK in process.lines[0]
    assert "rtmp" not in process.lines[0]
    assert len(process.lines[0]) <= LONGEST_LINE


def test_output_that_is_asked_for_is_handed_over_untouched() -> None:
    """Standard output goes to whoever asked for it, byte by byte, and is not kept as lines."""
    output = bytearray()
    process = Process("program", stdout=output.extend)
    process.pipe_data_received(1, b"\x00\xff\n")
    assert bytes(output) == b"\x00\xff\n"
    assert process.lines == ()


def test_an_endless_line_does_not_fill_the_memory() -> None:
    """Of a line that never ends only the beginning is kept."""
    process = Process("program")
    for _ in range(100):
        process.pipe_data_received(2, b"x" * 10_000)
    process.pipe_connection_lost(2, None)
    assert process.lines == ("x" * LONGEST_LINE,)


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
