"""Writing to whoever started us: JSON lines for programs, plain words for people."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retake_flow.errors import RetakeFlowError


def emit(record: dict[str, Any]) -> None:
    """Write one JSON object as one line, at once."""
    import json

    sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Write a line for people, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def advise(text: str) -> None:
    """Write a line for people beside what programs read."""
    sys.stderr.write(text + "\n")


def let_go() -> None:
    """Write to nowhere from now on: whoever read our output is gone, or it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def settle() -> None:
    """Make sure that there is something to write to, and that every text can be written.

    A stream that was closed when we were started is none for Python.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def fail(error: RetakeFlowError, as_json: bool) -> None:
    """Write an error: on standard error for people, as an `error` object on standard output for programs."""
    if as_json:
        import time

        from retake_flow.run.records import record

        emit(record("error", time.time(), kind=error.kind, message=error.message, hint=error.hint))
        return
    from retake_flow.cli import printable

    message, hint = printable.text(error.message), printable.text(error.hint)
    sys.stderr.write(f"retake-flow: {message}\n" + (f"    hint: {hint}\n" if hint else ""))
