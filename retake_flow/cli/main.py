"""Entry point: parses the command line, runs one command and turns errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, NoReturn, cast

from retake_flow import __version__
from retake_flow.cli import startup, terminal
from retake_flow.cli.exit_codes import exit_code, run_unblocked

EPILOG = """\
exit codes:
  0  completed                       4  waiting for a person
  1  failed                          5  another process drives the run, or it was skipped
  2  the command was not understood  6  something needed is missing
  3  the flow is invalid             130  interrupted, after an orderly stop
"""

#: The module of each command, in the order of the help. The command is the function of its name there, and its parser
#: that of its name in the `parsers` beside the module.
_MODULES = {
    "run": "run_commands.run",
    "resume": "run_commands.resume",
    "answer": "run_commands.answer",
    "gates": "run_commands.answer",
    "runs": "run_commands.runs",
    "show": "run_commands.show",
    "watch": "run_commands.watch",
    "say": "run_commands.say",
    "send": "run_commands.say",
    "stop": "run_commands.stop",
    "kill": "run_commands.stop",
    "prune": "run_commands.runs",
    "status": "run_commands.wait",
    "wait": "run_commands.wait",
    "events": "run_commands.chat",
    "chat": "run_commands.chat",
    "reply": "run_commands.say",
    "screen": "run_commands.screen",
    "scene": "run_commands.screen",
    "mcp": "host_commands.skill",
    "skill": "host_commands.skill",
    "flows": "flow_commands.flows",
    "init": "flow_commands.init",
    "check": "flow_commands.check",
    "show-flow": "flow_commands.flows",
    "plan": "flow_commands.plan",
    "simulate": "flow_commands.simulate",
    "test": "flow_commands.test",
    "paths": "flow_commands.paths",
    "graph": "flow_commands.graph",
    "actions": "flow_commands.actions",
    "schema": "flow_commands.actions",
    "submit": "run_commands.submit",
    "worker": "host_commands.worker",
    "hosts": "host_commands.hosts",
    "drain": "host_commands.hosts",
    "serve": "host_commands.serve",
    "notify": "host_commands.doctor",
    "guide": "host_commands.guide",
    "doctor": "host_commands.doctor",
    "rehearsal": "host_commands.serve",
    "store": "host_commands.store",
    "agents": "host_commands.agents",
}
COMMANDS = tuple(_MODULES)
#: Modules that dataclasses, Jinja2, ruamel.yaml and SQLAlchemy import but rarely use.
LATE = ("glob", "importlib.metadata", "inspect", "ipaddress", "tempfile")
#: Commands whose files other users may read.
_FOR_OTHERS = (["init"], ["graph"])


class _Parser(argparse.ArgumentParser):
    """Parser that keeps the line breaks of help texts, also for its subcommands."""

    #: Whether errors are written as JSON; set before the arguments are parsed.
    as_json: ClassVar[bool] = False

    def __init__(self, **options: Any) -> None:
        # No abbreviations: `--for` must not mean `--force` where there is no `--for`.
        super().__init__(**{"formatter_class": _formatter, "allow_abbrev": False, **options})
        self._plainly = False

    def error(self, message: str) -> NoReturn:
        """Report a wrong argument on one line, even if a shell has expanded `*` to many names."""
        message = terminal.brief(" ".join(message.split()))
        if self.as_json:
            from retake_flow.errors import UsageError

            terminal.fail(UsageError(message, hint=f"`{self.prog} --help` lists its arguments"), as_json=True)
            self.exit(UsageError.exit_code)
        super().error(message)

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(terminal.harmless(message) + "\n" * message.endswith("\n"), file)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Accept options between the positional arguments, which argparse does not do for subcommands."""
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
        prog="retake-flow", description="Take an AI agent live on retake.tv with a YAML state machine.", epilog=EPILOG
    )
    main.add_argument("--version", action="version", version=f"retake-flow {__version__}")
    commands = main.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="command")
    for name in names:
        declare = _function(name, f"{_MODULES[name].partition('.')[0]}.parsers")
        about = declare.__doc__ or f"{name.capitalize()}."
        listed = f"{about[0].lower()}{about[1:].removesuffix('.')}"
        declare(commands.add_parser(name, description=about, help=listed))
    return main


def _function(command: str, module: str) -> Callable[..., Any]:
    """The function of a command's name in a module."""
    found = import_module(f"retake_flow.cli.{module}")
    return cast("Callable[..., Any]", getattr(found, command.replace("-", "_")))


def _formatter(prog: str) -> argparse.HelpFormatter:
    # argparse imports shutil to find the width, which is a tenth of the time that `--help` takes.
    try:
        width = os.get_terminal_size().columns
    except OSError:
        width = 80
    return argparse.RawDescriptionHelpFormatter(prog, width=width - 2)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    # All parsers together cost some milliseconds; a named command needs its own alone.
    named = [name for name in arguments[:1] if name in _MODULES]
    _Parser.as_json = "--json" in arguments
    args = parser(named or COMMANDS).parse_args(arguments)
    startup.postpone_modules(*LATE)
    as_json = getattr(args, "json", False) or getattr(args, "format", "") == "json"
    if not getattr(args, "drives", False) or getattr(args, "detach", False):
        return exit_code(partial(_perform, args), as_json=as_json)
    return run_unblocked(partial(_perform, args), as_json=as_json)


def _perform(args: argparse.Namespace) -> int:
    return int(function_of(args.command)(args))


def function_of(command: str) -> Callable[[argparse.Namespace], int]:
    """The function that carries out a command."""
    return _function(command, _MODULES[command])


def entry() -> NoReturn:
    """Entry point of the console script."""
    startup.postpone_garbage()
    terminal.settle()
    if sys.argv[1:2] not in _FOR_OTHERS:
        os.umask(0o077)  # stored files are for their owner alone, whatever the machine's umask
    code = main(sys.argv[1:])
    terminal.leave(code)
