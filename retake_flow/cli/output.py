"""Non-blocking output: standard output and standard error behind bounded queues, each with its own thread.

A slow, stopped or absent reader, a full disk or a non-blocking pipe loses lines but never delays the run.
The oldest lines are dropped first and counted, so that the last ones, which say how the run ended, arrive.
"""

from __future__ import annotations

import errno
import io
import os
import select
import signal
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from retake_flow.cli import terminal
from retake_flow.settings import writes_to_journal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Capacity of the queue in bytes: about five thousand lines.
_MOST_WAITING = 1 << 20
#: A writable pipe takes this many bytes without blocking the writer.
_AT_ONCE = select.PIPE_BUF
#: Seconds between two attempts to write when the output takes nothing.
_AGAIN_AFTER = 1.0
_FILLED = 0.05
#: At the end: looks without any progress, and seconds in total, after which the rest is dropped. Looks are counted, so
#: that a machine that stands still loses nothing.
_STUCK = 20
_LOOK_SECONDS = 0.1
_AT_THE_END = 10.0
_GONE = (errno.EPIPE, errno.ECONNRESET, errno.EBADF)
_HUNG_UP = (errno.EIO, errno.ENXIO, errno.ENODEV)  # of a terminal; a disk may report such an error and recover

#: Called with the problem of standard output, and whether its reader in the foreground is gone for good.
Trouble = Callable[[str, bool], object]


class QueuedFile(io.FileIO):
    """File whose writes return at once: a thread writes from a bounded queue that drops its oldest entries.

    Attributes:
        dropped: Returns the text that replaces a number of dropped lines.
        gone: Whether its reader is gone; if so, nothing more is written.
    """

    def __init__(self, handle: int, title: str, dropped: Callable[[int], str]) -> None:
        super().__init__(handle, "w", closefd=False)
        self.dropped = dropped
        self.gone = False
        self._handle = handle
        self._title = title
        self._terminal = stat.S_ISCHR(os.fstat(handle).st_mode)
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._busy = False
        self._taken = 0
        self._ending = self._given_up = False
        self._changed = threading.Condition()
        self._troubles: list[tuple[str, bool]] = []
        self._told: Trouble | None = None
        # A daemon thread: one that hangs in a write does not keep the program from ending.
        threading.Thread(target=self._work, name=title, daemon=True).start()

    def write(self, data: ReadableBuffer, /) -> int:
        """Queue a line, or part of one. It counts as one line when it is dropped."""
        entry = bytes(data)
        with self._changed:
            if not self.gone:
                self._waiting.append(entry)
                self._size += len(entry)
                while self._size > _MOST_WAITING and len(self._waiting) > 1:
                    self._size -= len(self._waiting.popleft())
                    self._lost += 1
                    self._trouble(f"{self._title} accepts no more output, so lines are dropped", gone=False)
                self._changed.notify_all()
        return len(entry)

    def behind(self) -> bool:
        """Whether some output is not written yet."""
        return bool(self._waiting)

    def tell_trouble(self, told: Trouble | None) -> None:
        """Report problems, including earlier ones, from the writing thread, each once; None stops the reports."""
        with self._changed:
            self._told = told
            if told is not None:
                for reason, gone in self._troubles:
                    told(reason, gone)

    def finish(self) -> int:
        """Wait a bounded time until everything is written, and return how many lines were not."""
        deadline = time.monotonic() + _AT_THE_END
        with self._changed:
            self._ending = True
            self._changed.notify_all()
            while self._unwritten_parts() and time.monotonic() < deadline:
                progressed = partial(self._has_progressed, self._taken)
                if not any(self._changed.wait_for(progressed, _LOOK_SECONDS) for _ in range(_STUCK)):
                    break
            self._given_up = True
            self._changed.notify_all()
            return self._unwritten_parts()

    def _has_progressed(self, taken: int) -> bool:
        return self._taken > taken or not self._unwritten_parts()

    def _unwritten_parts(self) -> int:
        return 0 if self.gone else self._lost + len(self._waiting) + self._busy

    def _trouble(self, reason: str, *, gone: bool) -> None:
        if (reason, gone) not in self._troubles:
            self._troubles.append((reason, gone))
            if self._told is not None:
                self._told(reason, gone)

    # --- in the thread --------------------------------------------------------------------------------------

    def _work(self) -> None:
        # Signals are for the main thread. SIGTTOU would stop us all where `stty tostop` keeps the background silent.
        signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        poll = select.poll()
        poll.register(self._handle, select.POLLOUT)
        while (entry := self._next()) is not None:
            while entry and not (self.gone or self._given_up):
                if poll.poll(1000 * _AGAIN_AFTER):
                    entry = entry[self._write_now(entry) :]

    def _next(self) -> bytes | None:
        """The next entry; waits for one, and returns None when there will be none."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._ending)
            if self.gone or self._given_up or not self._waiting:
                return None
            self._busy = True
            if self._lost:
                lost, self._lost = self._lost, 0
                return self.dropped(lost).encode("utf-8", "replace")
            entry = self._waiting.popleft()
            self._size -= len(entry)
            return entry

    def _write_now(self, entry: bytes) -> int:
        """Write as much as possible now, and return how much was written."""
        try:
            written = os.write(self._handle, entry[:_AT_ONCE])
        except BlockingIOError:  # another process has filled the space
            time.sleep(_FILLED)
            written = 0
        except OSError as error:
            self._note_failure(error)
            written = 0
        with self._changed:
            self._taken += written
            self._changed.notify_all()
        return written

    def _note_failure(self, error: OSError) -> None:
        with self._changed:
            if error.errno in _GONE or (self._terminal and error.errno in _HUNG_UP):
                self.gone = True
                self._waiting.clear()
                self._size = self._lost = 0
                # A terminal sends SIGHUP to programs that end with it; one that learns of it only here was detached.
                apart = self._terminal or writes_to_journal(self._handle)
                self._trouble(f"nobody reads {self._title} any more ({error.strerror})", gone=not apart)
            else:
                self._trouble(f"{self._title} cannot be written ({error.strerror})", gone=False)
                self._changed.wait_for(lambda: self._given_up, _AGAIN_AFTER)


_standard: list[QueuedFile] = []


@contextmanager
def queue_output(as_json: bool) -> Iterator[None]:
    """Keep standard output and standard error from blocking. At the end, the rest gets a bounded time.

    For a program (`as_json`) an object reports dropped lines.
    """
    try:
        handles = sys.stdout.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):
        handles = None  # they are not the system's, as in a test
    with nullcontext() if handles is None else _queues(*handles, _dropped_json if as_json else _dropped_text):
        yield


@contextmanager
def _queues(out: int, err: int, dropped: Callable[[int], str]) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    first = QueuedFile(out, "standard output", dropped)
    # One queue when both go to the same place, so that the lines keep their order.
    second = first if os.path.sameopenfile(out, err) else QueuedFile(err, "standard error", _dropped_text)
    try:
        _standard.append(first)
        sys.stdout, sys.stderr = (
            terminal.text(file, old.encoding) for file, old in zip((first, second), before, strict=True)
        )
        yield
        if lost := first.finish():
            sys.stderr.write(f"retake-flow: {terminal.counted(lost, 'line')} could not be written at the end\n")
        second.finish()
    finally:
        sys.stdout, sys.stderr = before
        _standard.remove(first)


def standard() -> QueuedFile | None:
    """The queue of standard output, if there is one."""
    return _standard[-1] if _standard else None


def _dropped_text(lines: int) -> str:
    return f"… {terminal.counted(lines, 'line')} dropped\n"


def _dropped_json(lines: int) -> str:
    import json

    from retake_flow.run.records import record

    return json.dumps(record("output_dropped", time.time(), lines=lines)) + "\n"
