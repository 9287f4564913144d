"""Exit codes: runs a command, and turns its errors into messages and exit codes."""

from __future__ import annotations

import errno
from collections.abc import Callable

from retake_flow.cli import terminal


def run_unblocked(command: Callable[[], int], *, as_json: bool) -> int:
    """Run a command that may drive a run: its output never blocks it."""
    from retake_flow.cli import output

    try:
        with output.queue_output(as_json):
            return exit_code(command, as_json=as_json)
    except KeyboardInterrupt:  # while the last lines were written
        return 130


def exit_code(command: Callable[[], int], *, as_json: bool) -> int:
    """Run a command, turn its errors into messages, and return its exit code."""
    from retake_flow.errors import RetakeFlowError

    try:
        return int(command())
    except RetakeFlowError as error:
        terminal.fail(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output is gone. Nothing more can be written, not even by Python's flush at exit.
        terminal.let_go()
        return 1
    except Exception as error:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]  # tasks that failed side by side mostly failed alike
        return _report_unforeseen(error, as_json=as_json)


def _report_unforeseen(error: Exception, *, as_json: bool) -> int:
    """Report an error that is not the user's mistake, and return the exit code."""
    from retake_flow import os_errors
    from retake_flow.errors import OutputError, RetakeFlowError
    from retake_flow.settings import debugging

    if isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):
        terminal.let_go()
        said: RetakeFlowError = OutputError(f"the output cannot be written: {error.strerror}")
        as_json = False
    elif isinstance(error, RetakeFlowError):
        said = error
    elif isinstance(error, OSError) and (
        refused := os_errors.host_error(error, "this machine does not allow what is needed")
    ):
        said = refused
    elif debugging():
        raise error
    else:
        message = f"a defect of retake-flow: {type(error).__name__}: {error}"
        said = RetakeFlowError(message, hint="RETAKE_FLOW_DEBUG=1 shows where")
    terminal.fail(said, as_json=as_json)
    return said.exit_code
