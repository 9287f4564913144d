"""Terminal output: JSON lines for programs, plain words for people."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import ReadableBuffer

    from retake_flow.errors import RetakeFlowError


#: The exit code if something required is missing.
_MISSING = 6
_LONGEST_WORD = 1_000  # characters in a message


def emit(record: dict[str, Any]) -> None:
    """Write one JSON object as one line, at once."""
    import json

    sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Write a line for people at once, without control sequences."""
    sys.stdout.write(harmless(text) + "\n")
    sys.stdout.flush()


def tell(data: dict[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Write the result of a command: one JSON object for programs, or lines for people."""
    if as_json:
        emit(data)
        return
    for line in lines:
        say(line)


def counted(number: int, what: str) -> str:
    """A number of things in words: `1 run`, `2 runs`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def advise(text: str) -> None:
    """Write a line for people to standard error, without control sequences."""
    sys.stderr.write(harmless(text) + "\n")


def harmless(text: str) -> str:
    """The text without control sequences, but with its line breaks."""
    if text.isascii() and text.isprintable():
        return text
    from retake_flow.sanitize import strip_controls

    return strip_controls(text)


def let_go() -> None:
    """Discard all further output: its reader is gone, or it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave(code: int) -> NoReturn:
    """Flush the output and end the process at once, without Python's cleanup."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader is gone
            stream.flush()
    os._exit(code)


class _WaitingFile(io.FileIO):
    """File that always writes all data, repeating incomplete writes, as on a non-blocking pipe (EAGAIN)."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all data."""
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
    """Make sure that all standard streams exist, and that any text can be written to them completely.

    Python sets a stream to None if it was closed at the start.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
        elif mode == "w":
            file = _WaitingFile(stream.fileno(), "w", closefd=False)
            setattr(sys, name, text(file, stream.encoding))


def text(file: io.FileIO, encoding: str) -> io.TextIOWrapper:
    """A file as a stream of text: each text is one immediate write, and none fails because of its characters."""
    return io.TextIOWrapper(file, encoding=encoding, errors="backslashreplace", write_through=True)


def foreground(stream: TextIO) -> bool:
    """Whether a stream is a terminal with this program in its foreground."""
    if not stream.isatty():
        return False
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        return True  # it is not our controlling terminal, so no other program is in the foreground


def commands_in(hint: str) -> list[str]:
    """The commands in a hint, with `--json`: the hint is one command, or has them between backticks."""
    import re

    command = r"(?:[A-Z_]+=(?:'[^']*'|[^\s'`])+ )*retake-flow [^`]+"
    found = [hint] if hint.startswith("retake-flow ") else re.findall(f"`({command})`", hint)
    return [command if "--json" in command or "--help" in command else f"{command} --json" for command in found]


def brief(message: str) -> str:
    """A message in which words of more than 1,000 characters, such as a number of 5,000 digits, are cut to 100."""
    if len(message) <= _LONGEST_WORD:
        return message
    import re

    return re.sub(rf"\S{{{_LONGEST_WORD + 1},}}", lambda found: f"{found[0][:100]}…", message)


def fail(error: RetakeFlowError, as_json: bool) -> None:
    """Write an error: to standard error for people, as an `error` object to standard output for programs.

    An object that cannot be written, as when its reader is gone, is replaced by the words for people.
    """
    said = brief(error.message)
    if as_json:
        import time

        from retake_flow.run.records import record

        about = record("error", time.time(), kind=error.kind, message=said, hint=error.hint)
        look = ["retake-flow doctor --json"] if error.exit_code == _MISSING else []
        try:
            emit({**about, "next": commands_in(about["hint"]) or look})
        except OSError:
            let_go()
        else:
            return
    from retake_flow import printable

    message, hint = printable.text(said), printable.text(error.hint)
    with suppress(OSError):
        sys.stderr.write(f"retake-flow: {message}\n" + (f"    hint: {hint}\n" if hint else ""))
