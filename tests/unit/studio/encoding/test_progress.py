"""Reading ffmpeg's reports."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from retake_flow.studio.encoding.progress import Health, Progress, ProgressReader

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
    frame=38, total_size=6717, drop_frames=8, speed=1.3, seconds=1.579
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


class Encoding:
    """An encoder that reports ten times a second to a reader whose time passes with its reports."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reader = ProgressReader(30, lambda: self.now)
        self._frames = self._bytes = self._seconds = 0.0

    def run(self, seconds: float, *, speed: float = 1.0, fps: float = 30.0, silent: bool = False) -> Health:
        """Let time pass, and give the health after it."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self._frames += fps / 10
            self._bytes += 18_750
            self._seconds += speed / 10
            if not silent:
                self.reader.feed(
                    f"frame={self._frames:.0f}\ntotal_size={self._bytes:.0f}\nout_time_us={self._seconds * 1e6:.0f}\n"
                    "drop_frames=2\nprogress=continue\n".encode()
                )
        return self.reader.health()


def test_an_encoder_that_keeps_up_is_well() -> None:
    """Frames, rates and speed are those of the last seconds; nothing is slow."""
    health = Encoding().run(30)
    assert (health.frames, health.dropped, health.seconds) == (900, 2, 30.0)
    assert 29.5 <= health.fps <= 30.5
    assert 1450 <= health.bitrate <= 1550
    assert 0.97 <= health.speed <= 1.03
    assert health.slow_for == 0.0


def test_a_slow_encoder_is_slow_since_it_was() -> None:
    """Ten good minutes do not hide a bad one, and a good one ends it."""
    encoding = Encoding()
    encoding.run(600)
    slow = encoding.run(70, speed=0.6)
    assert slow.speed < 0.65
    assert 60 <= slow.slow_for <= 80
    assert encoding.run(15).slow_for == 0.0


def test_frames_that_are_missing_are_slowness_too() -> None:
    """An encoder that keeps the time and leaves out frames is as slow as its frames are few."""
    assert Encoding().run(60, fps=15).speed == 0.5


def test_the_first_moments_prove_nothing() -> None:
    """What waited for the first frame comes in a burst or late; neither makes it slow."""
    assert Encoding().run(4, speed=0.3).slow_for == 0.0


def test_a_silent_encoder_gets_slower() -> None:
    """Without reports the speed falls, since what was sent stays the same."""
    encoding = Encoding()
    encoding.run(20)
    assert encoding.run(10, silent=True).speed < 0.6


def test_before_the_first_report_all_is_zero() -> None:
    """An encoder that has said nothing yet has done nothing yet."""
    assert ProgressReader().health() == Health(0, 0.0, 0.0, 0, 0.0, 0.0, 0.0)


def test_who_was_asleep_judges_by_what_is_now() -> None:
    """After two minutes in which nobody read, the pace is told from what comes then, and old slowness is forgotten."""
    encoding = Encoding()
    slow = encoding.run(70, speed=0.6)
    assert slow.slow_for > 50
    awake = encoding.run(130, silent=True)
    now = encoding.run(0.1)
    assert (awake.frames, now.frames) == (2100, 6003)
    assert now.slow_for == 0.0
    later = encoding.run(12)
    assert 0.95 <= later.speed <= 1.05
    assert later.slow_for == 0.0


def test_what_is_read_together_tells_no_pace() -> None:
    """Many reports at once, as after a sleep, are neither fast nor slow."""
    encoding = Encoding()
    encoding.run(30)
    encoding.now += 60
    for number in range(250):
        encoding.reader.feed(
            f"frame={2000 + number}\ntotal_size={9_000_000 + number}\nout_time_us={66_000_000 + 33_333 * number}\n"
            "speed=1.0x\nprogress=continue\n".encode()
        )
    health = encoding.reader.health()
    assert 25 <= health.fps <= 40
    assert 0.8 <= health.speed <= 1.3
