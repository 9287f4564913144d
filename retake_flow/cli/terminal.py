"""Writing to whoever started us: JSON lines for programs, plain words for people."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from retake_flow.errors import RetakeFlowError


def emit(record: dict[str, Any]) -> None:
    """Write one JSON object as one line, at once."""
    import json

    sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Write a line for people, at once; nothing in it commands the terminal."""
    sys.stdout.write(harmless(text) + "\n")
    sys.stdout.flush()


def advise(text: str) -> None:
    """Write a line for people beside what programs read; nothing in it commands the terminal."""
    sys.stderr.write(harmless(text) + "\n")


def harmless(text: str) -> str:
    """The text without what a terminal obeys, its line breaks kept."""
    if text.isascii() and text.isprintable():
        return text
    from retake_flow.sanitize import stripped

    return stripped(text)


def let_go() -> None:
    """Write to nowhere from now on: whoever read our output is gone, or it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave(code: int) -> NoReturn:
    """End the process with what is written so far, without taking everything apart that goes with it anyway."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


class _WaitingFile(io.FileIO):
    """File that is written whole, also where its writer is told to come again (EAGAIN), as by a non-blocking pipe."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of it."""
        rest = memoryview(data).cast("B")
        while rest:
            written = super().write(rest)
            if written is None:
                import select

                select.select([], [self], [])
            else:
                rest = rest[written:]
        return memoryview(data).nbytes


def settle() -> None:
    """Make sure that there is something to write to, and that every text can be written, whole.

    A stream that was closed when we were started is none for Python.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
        elif mode == "w":
            file = _WaitingFile(stream.fileno(), "w", closefd=False)
            setattr(sys, name, text(file, stream.encoding))


def text(file: io.FileIO, encoding: str) -> io.TextIOWrapper:
    """A file as a stream of text: each text is one write, at once, and none fails for what is in it."""
    return io.TextIOWrapper(file, encoding=encoding, errors="backslashreplace", write_through=True)


def foreground(stream: TextIO) -> bool:
    """Whether a stream is a terminal at which somebody works with us, and not in the background with something else."""
    if not stream.isatty():
        return False
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        return True  # it is not the terminal that we were started at, so nothing else is in front of us


def fail(error: RetakeFlowError, as_json: bool) -> None:
    """Write an error: on standard error for people, as an `error` object on standard output for programs."""
    if as_json:
        import time

        from retake_flow.run.records import record

        emit(record("error", time.time(), kind=error.kind, message=error.message, hint=error.hint))
        return
    from retake_flow.cli.render import printable

    message, hint = printable.text(error.message), printable.text(error.hint)
    sys.stderr.write(f"retake-flow: {message}\n" + (f"    hint: {hint}\n" if hint else ""))
