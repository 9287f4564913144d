"""Entry point: parses the command line, runs one command and turns errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, NoReturn

from retake_flow import __version__
from retake_flow.cli import garbage, terminal
from retake_flow.cli.exit_codes import driven, exit_code

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
    "agent_commands": ("status", "wait", "events", "chat", "reply", "screen", "scene", "mcp", "skill"),
    "flow_commands": (
        *("flows", "init", "check", "show-flow", "plan", "simulate", "test", "paths", "graph"),
        *("actions", "schema"),
    ),
    "fleet_commands": ("submit", "worker", "hosts", "drain"),
    "host_commands": ("serve", "notify", "guide", "doctor", "rehearsal", "store", "agents"),
}
_MODULES = {
    name: f"retake_flow.cli.{package}.{name.replace('-', '_')}"
    for package, names in _PACKAGES.items()
    for name in names
}
COMMANDS = tuple(_MODULES)
#: Commands that only other processes of ours use.
_HIDDEN = {"drive": "retake_flow.cli.fleet_commands.drive"}


#: Commands whose files other users may read.
_FOR_OTHERS = (["init"], ["graph"])


class _Parser(argparse.ArgumentParser):
    """Parser that keeps the line breaks of our help, for itself and for its subcommands."""

    #: Whether a program reads our output, which may be known before the arguments are understood.
    as_json: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        # No abbreviations: `--for` must not mean `--force` where there is no `--for`.
        super().__init__(**{"formatter_class": _formatter, "allow_abbrev": False, **options})
        self._plainly = False

    def error(self, message: str) -> NoReturn:
        """Report an argument that was not understood, on one line: a shell expands `*` to the names of files."""
        message = terminal.brief(" ".join(message.split()))
        if self.as_json:
            from retake_flow.errors import UsageError

            terminal.fail(UsageError(message, hint=f"`{self.prog} --help` says what it takes"), as_json=True)
            self.exit(UsageError.exit_code)
        super().error(message)

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


class _Commands:
    """Commands whose own help begins with what the list of commands says of them."""

    def __init__(self, commands: Any) -> None:
        self._commands = commands

    def add_parser(self, name: str, *, help: str, **options: Any) -> Any:
        """Declare a command; one without a help is not listed."""
        if not help:
            return self._commands.add_parser(name, **options)
        return self._commands.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.", **options)


def parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the command line, for all commands or for some."""
    main = _Parser(
        prog="retake-flow",
        description="Take an AI agent live on retake.tv by a YAML state machine.",
        epilog=EPILOG,
    )
    main.add_argument("--version", action="version", version=f"retake-flow {__version__}")
    commands = _Commands(main.add_subparsers(title="commands", metavar="COMMAND", required=True))
    for name in names:
        import_module({**_MODULES, **_HIDDEN}[name]).add_to(commands)
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
    named = [name for name in arguments[:1] if name in COMMANDS or name in _HIDDEN]
    _Parser.as_json = "--json" in arguments
    args = parser(named or COMMANDS).parse_args(arguments)
    as_json = getattr(args, "json", False) or getattr(args, "format", "") == "json"
    if not getattr(args, "drives", False) or getattr(args, "detach", False):
        return exit_code(partial(args.command, args), as_json=as_json)
    return driven(partial(args.command, args), as_json=as_json)


def entry() -> NoReturn:
    """Entry point of the console script."""
    garbage.postpone()
    terminal.settle()
    if sys.argv[1:2] not in _FOR_OTHERS:
        os.umask(0o077)  # stored files are for their owner alone, whatever the machine's umask
    code = main(sys.argv[1:])
    terminal.leave(code)
