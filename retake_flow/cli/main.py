"""Entry point: parses the command line, runs one command and turns errors into exit codes."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from retake_flow import __version__
from retake_flow.cli import garbage, terminal

EPILOG = """\
exit codes:
  0  completed                       4  waiting for a person
  1  failed                          5  another process drives the run, or it was left alone
  2  the command was not understood  6  something needed is missing
  3  the flow is invalid             130  interrupted, after an orderly stop
"""

#: In the order of the help. Each command is a module of the same name in one of these packages.
_PACKAGES = {
    "run_commands": ("run", "resume", "answer", "gates", "runs", "show", "watch", "say", "send", "stop", "prune"),
    "flow_commands": ("init", "check", "show-flow", "plan", "simulate", "test", "paths", "graph", "actions"),
    "host_commands": ("guide", "doctor", "rehearsal"),
}
_MODULES = {
    name: f"retake_flow.cli.{package}.{name.replace('-', '_')}"
    for package, names in _PACKAGES.items()
    for name in names
}
COMMANDS = tuple(_MODULES)


#: Commands whose files other users may read.
_FOR_OTHERS = (["init"], ["graph"])


class _Parser(argparse.ArgumentParser):
    """Parser that keeps the line breaks of our help, for itself and for its subcommands."""

    def __init__(self, **options: Any) -> None:
        # No abbreviations: `--for` must not mean `--force` where there is no `--for`.
        super().__init__(**{"formatter_class": _formatter, "allow_abbrev": False, **options})
        self._plainly = False

    def error(self, message: str) -> NoReturn:
        """Report an argument that was not understood, on one line: a shell expands `*` to the names of files."""
        super().error(" ".join(message.split()))

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(terminal.harmless(message) + "\n" * message.endswith("\n"), file)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Let options stand between the words of a command. argparse offers this, but not for subcommands."""
        if self._subparsers is not None or self._plainly:
            return super().parse_known_args(args, namespace)
        self._plainly = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._plainly = False


def parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the command line, for all commands or for some."""
    main = _Parser(
        prog="retake-flow",
        description="Take an AI agent live on retake.tv by a YAML state machine.",
        epilog=EPILOG,
    )
    main.add_argument("--version", action="version", version=f"retake-flow {__version__}")
    commands = main.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        import_module(_MODULES[name]).add_to(commands)
    return main


def _formatter(prog: str) -> argparse.HelpFormatter:
    # argparse imports shutil to find the width, which is a tenth of the time that `--help` takes.
    try:
        width = os.get_terminal_size().columns
    except OSError:
        width = 80
    return argparse.RawDescriptionHelpFormatter(prog, width=width - 2)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    # Each command's module costs a millisecond to import; a named command needs no other.
    named = [name for name in arguments[:1] if name in COMMANDS]
    args = parser(named or COMMANDS).parse_args(arguments)
    if not getattr(args, "drives", False):
        return _exit_code(args)
    from retake_flow.cli import output

    try:
        with output.queue_output(args.json):
            return _exit_code(args)
    except KeyboardInterrupt:  # while the last lines were written
        return 130


def _exit_code(args: argparse.Namespace) -> int:
    from retake_flow.errors import RetakeFlowError

    try:
        return int(args.command(args))
    except RetakeFlowError as error:
        terminal.fail(error, as_json=getattr(args, "json", False))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output is gone. Nothing more can be written, not even by Python's flush at exit.
        terminal.let_go()
        return 1
    except Exception as error:
        return _unforeseen(error, as_json=getattr(args, "json", False))


def _unforeseen(error: Exception, *, as_json: bool) -> int:
    """Report an error that is not the user's mistake, and return the exit code."""
    from retake_flow import os_errors
    from retake_flow.errors import OutputError, RetakeFlowError
    from retake_flow.settings import debugging

    if isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):
        terminal.let_go()
        said: RetakeFlowError = OutputError(f"the output cannot be written: {error.strerror}")
        as_json = False
    elif isinstance(error, OSError) and (refused := os_errors.host_error(error, "this machine refuses what is needed")):
        said = refused
    elif debugging():
        raise error
    else:
        message = f"a defect of retake-flow: {type(error).__name__}: {error}"
        said = RetakeFlowError(message, hint="RETAKE_FLOW_DEBUG=1 shows where")
    terminal.fail(said, as_json=as_json)
    return said.exit_code


def entry() -> NoReturn:
    """Entry point of the console script."""
    garbage.postpone()
    terminal.settle()
    if sys.argv[1:2] not in _FOR_OTHERS:
        os.umask(0o077)  # stored files are for their owner alone, whatever the machine's umask
    code = main(sys.argv[1:])
    terminal.leave(code)
