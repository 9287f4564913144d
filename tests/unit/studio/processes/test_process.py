"""What is kept of a program's output."""

from __future__ import annotations

from retake_flow.redact import MASK, Secret
from retake_flow.studio.processes.process import KEPT_LINES, LONGEST_LINE, Process


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
