"""Output that nothing waits for, on real pipes."""

from __future__ import annotations

import errno
import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from retake_flow.cli import output
from retake_flow.cli.output import QueuedFile

LINE = b"x" * 1023 + b"\n"
PIPE = 1 << 16


def dropped(lines: int) -> str:
    """What stands for dropped lines."""
    return f"{lines} dropped\n"


def waited(wanted: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 120
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@dataclass
class Pipe:
    """A pipe with our output at one end."""

    reader: io.FileIO
    writer: io.FileIO
    file: QueuedFile

    def reading(self, at_once: int = PIPE, pause: float = 0.0) -> Callable[[], bytes]:
        """Begin to read; gives what gives all that was read once our end is closed."""
        read = bytearray()

        def work() -> None:
            while data := self.reader.read(at_once):
                read.extend(data)
                time.sleep(pause)

        thread = threading.Thread(target=work)
        thread.start()

        def end() -> bytes:
            self.writer.close()
            thread.join()
            return bytes(read)

        return end


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe that nobody reads yet."""
    reader, writer = os.pipe()
    with io.FileIO(reader) as reads, io.FileIO(writer, "w") as writes:
        made = Pipe(reads, writes, QueuedFile(writer, "standard output", dropped))
        yield made
        made.file.finish()


def test_what_is_written_arrives(pipe: Pipe) -> None:
    """Lines come out whole and in order, and the end waits for them."""
    for number in range(1000):
        pipe.file.write(b"%d\n" % number)
    read = pipe.reading()
    assert pipe.file.finish() == 0
    assert read().split() == [b"%d" % number for number in range(1000)]


@pytest.mark.parametrize("blocking", [True, False])
def test_a_pipe_that_nobody_reads_makes_nobody_wait(pipe: Pipe, blocking: bool) -> None:
    """Far more than a pipe holds is taken at once; read later, all of it is there."""
    os.set_blocking(pipe.writer.fileno(), blocking)
    for _ in range(500):
        pipe.file.write(LINE)
    assert pipe.file.behind()
    read = pipe.reading()
    assert pipe.file.finish() == 0
    assert read() == 500 * LINE


@pytest.mark.parametrize("blocking", [True, False])
def test_the_oldest_lines_are_dropped_and_counted(pipe: Pipe, blocking: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is what the pipe had taken, how much is missing, and the last lines; together that is everything."""
    os.set_blocking(pipe.writer.fileno(), blocking)
    monkeypatch.setattr(output, "_MOST_WAITING", 64 * len(LINE))
    told: list[tuple[str, bool]] = []
    pipe.file.tell_trouble(lambda reason, gone: told.append((reason, gone)))
    for number in range(1000):
        pipe.file.write(b"%01023d\n" % number)
    assert told == [("standard output accepts no more output, so lines are dropped", False)]
    read = pipe.reading()
    assert pipe.file.finish() == 0
    lines = read().splitlines()
    expected = missing = 0
    for line in lines:
        if line.endswith(b"dropped"):
            missing += int(line.split()[0])
        else:
            assert int(line) == expected + missing
            expected += 1
    assert expected + missing == 1000
    assert missing > 500
    assert int(lines[-1]) == 999


def test_the_end_waits_for_a_bounded_time(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody reads at the end either, what is left is given up and counted."""
    monkeypatch.setattr(output, "_STUCK", 1)
    for _ in range(200):
        pipe.file.write(LINE)
    left = pipe.file.finish()
    assert 200 - PIPE // len(LINE) - 1 <= left <= 200


def test_a_slow_reader_is_waited_for_as_long_as_it_reads(pipe: Pipe) -> None:
    """A reader that takes something now and then gets the last line too."""
    for number in range(300):
        pipe.file.write(b"%01023d\n" % number)
    read = pipe.reading(16 * len(LINE), pause=0.06)
    assert pipe.file.finish() == 0
    assert int(read().splitlines()[-1]) == 299


def test_a_suspended_machine_loses_no_line(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait is over when the machine wakes, and the thread has not had its turn since: it still gets it."""
    waits: list[float] = []
    real = threading.Condition.wait_for

    def wait_for(condition: threading.Condition, wanted: Callable[[], bool], timeout: float | None = None) -> bool:
        if condition is not pipe.file._changed or timeout is None or timeout > output._LOOK_SECONDS:
            return real(condition, wanted, timeout)
        waits.append(timeout)
        return False if len(waits) == 1 else real(condition, wanted, 60)

    with pipe.file._changed:  # the thread cannot write anything before the first wait is over
        pipe.file.write(LINE)
        monkeypatch.setattr(threading.Condition, "wait_for", wait_for)
        assert pipe.file.finish() == 0
    assert pipe.reader.read(PIPE) == LINE


def test_a_reader_that_is_gone_is_told_once(pipe: Pipe) -> None:
    """Also to whoever asks later; what is written from then on is of no account."""
    pipe.reader.close()
    told: list[tuple[str, bool]] = []
    pipe.file.tell_trouble(lambda reason, gone: told.append((reason, gone)))
    pipe.file.write(LINE)
    waited(lambda: pipe.file.gone)
    pipe.file.write(LINE)
    again: list[str] = []
    pipe.file.tell_trouble(lambda reason, gone: again.append(reason))
    assert told == [("nobody reads standard output any more (Broken pipe)", True)]
    assert again == ["nobody reads standard output any more (Broken pipe)"]
    assert pipe.file.finish() == 0


def test_a_full_disk_is_no_reader_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once and tried again, as it may have space later; the end does not wait for it."""
    monkeypatch.setattr(output, "_STUCK", 1)
    with open("/dev/full", "wb") as full:
        file = QueuedFile(full.fileno(), "standard output", dropped)
        told: list[tuple[str, bool]] = []
        file.tell_trouble(lambda reason, gone: told.append((reason, gone)))
        file.write(LINE)
        waited(lambda: bool(told))
        assert told == [("standard output cannot be written (No space left on device)", False)]
        assert not file.gone
        assert file.finish() == 1


def test_what_could_not_be_written_follows_when_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has space again gets every line, whole."""
    real, full = os.write, threading.Event()
    full.set()

    def write(handle: int, data: bytes) -> int:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data)

    monkeypatch.setattr(output.os, "write", write)
    monkeypatch.setattr(output, "_AGAIN_AFTER", 0.01)
    with open(tmp_path / "log", "wb") as log:
        file = QueuedFile(log.fileno(), "standard output", dropped)
        told: list[str] = []
        file.tell_trouble(lambda reason, gone: told.append(reason))
        for number in range(10):
            file.write(b"%d\n" % number)
        waited(lambda: bool(told))
        full.clear()
        assert file.finish() == 0
    assert (tmp_path / "log").read_text().split() == [str(number) for number in range(10)]
    assert len(told) == 1


def test_dropped_lines_are_told_in_words_and_as_an_object() -> None:
    """A program gets an object like the others, a person a line."""
    assert output._dropped_text(1) == "… 1 line dropped\n"
    assert output._dropped_text(812) == "… 812 lines dropped\n"
    told = json.loads(output._dropped_json(812))
    assert (told["event"], told["lines"]) == ("output_dropped", 812)
