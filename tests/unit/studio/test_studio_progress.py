"""Reading ffmpeg's reports."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from retake_flow.studio.progress import Progress, ProgressReader

# As ffmpeg 5.1 writes it.
REPORT = b"""frame=38
fps=31.32
stream_0_0_q=0.0
bitrate=  34.0kbits/s
total_size=6717
out_time_us=1579000
out_time_ms=1579000
out_time=00:00:01.579000
dup_frames=0
drop_frames=8
speed= 1.3x
progress=continue
"""
READ = Progress(
    frame=38, fps=31.32, bitrate=34.0, total_size=6717, drop_frames=8, speed=1.3, seconds=1.579
)  # fmt: skip


def report(frame: int, total_size: int | str) -> bytes:
    """A report of so many frames and bytes."""
    return f"frame={frame}\ntotal_size={total_size}\nprogress=continue\n".encode()


def test_a_report_is_read() -> None:
    """Each field of a report arrives with its number."""
    reader = ProgressReader()
    reader.feed(REPORT)
    assert reader.latest == READ


@given(cuts=st.lists(st.integers(0, 2 * len(REPORT))))
def test_reports_are_read_wherever_the_output_is_cut(cuts: list[int]) -> None:
    """How the output is cut into pieces makes no difference."""
    reader, output = ProgressReader(), 2 * REPORT
    ends = [0, *sorted(cuts), len(output)]
    for start, end in itertools.pairwise(ends):
        reader.feed(output[start:end])
    assert reader.latest == READ


@given(st.binary())
def test_any_output_is_survived(noise: bytes) -> None:
    """Output that is no report does not break the reader, and a report after it is read."""
    reader = ProgressReader()
    reader.feed(noise + b"\nprogress=continue\n" + REPORT)
    assert reader.latest == READ


def test_what_is_not_known_yet_is_zero() -> None:
    """What ffmpeg calls N/A becomes 0."""
    reader = ProgressReader()
    reader.feed(b"frame=0\nfps=0.00\nbitrate=N/A\ntotal_size=N/A\nout_time_us=N/A\nspeed=N/A\nprogress=continue\n")
    assert reader.latest == Progress()


def test_headers_alone_are_not_a_stream() -> None:
    """The encoder counts as sending only when more than the stream's headers was sent."""
    reader = ProgressReader()
    for piece in (report(0, "N/A"), report(1, 405), report(2, 405)):
        reader.feed(piece)
        assert not reader.sending.is_set()
    reader.feed(report(7, 2842))
    assert reader.sending.is_set()
