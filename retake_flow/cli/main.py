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
from retake_flow.cli import garbage, terminal
from retake_flow.cli.exit_codes import exit_code, run_unblocked

EPILOG = """\
exit codes:
  0  completed                       4  waiting for a person
  1  failed                          5  another process drives the run, or it was skipped
  2  the command was not understood  6  something needed is missing
  3  the flow is invalid             130  interrupted, after an orderly stop
"""

#: In the order of the help. The parser of a command is the function of its name in its package's `parsers`; the command
#: itself is the function of its name in the module of its name, unless `_TOGETHER` names another module.
_PACKAGES = {
    "run_commands": "run resume answer gates runs show watch say send stop kill prune",
    "agent_commands": "status wait events chat reply screen scene mcp skill",
    "flow_commands": "flows init check show-flow plan simulate test paths graph actions schema",
    "fleet_commands": "submit worker hosts drain",
    "host_commands": "serve notify guide doctor rehearsal store agents",
}
COMMANDS = tuple(name for names in _PACKAGES.values() for name in names.split())
#: The command that only workers start.
_HIDDEN = "drive"
_PACKAGE_OF = {_HIDDEN: "fleet_commands"} | {
    name: package for package, names in _PACKAGES.items() for name in names.split()
}
#: The modules of commands that have none of their own.
_TOGETHER = {
    "drain": "fleet_commands.hosts",
    "events": "agent_commands.chat",
    "gates": "run_commands.answer",
    "kill": "run_commands.stop",
    "prune": "run_commands.runs",
    "reply": "run_commands.say",
    "scene": "agent_commands.screen",
    "schema": "flow_commands.actions",
    "send": "run_commands.say",
    "status": "agent_commands.wait",
}
#: Modules that dataclasses, Jinja2, ruamel.yaml and SQLAlchemy import but rarely use.
_LATE = ("glob", "importlib.metadata", "inspect", "ipaddress", "tempfile")
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
        declare = _function(name, f"{_PACKAGE_OF[name]}.parsers")
        about = declare.__doc__ or f"{name.capitalize()}."
        listed: dict[str, Any] = {} if name == _HIDDEN else {"help": f"{about[0].lower()}{about[1:].removesuffix('.')}"}
        declare(commands.add_parser(name, description=about, **listed))
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
    named = [name for name in arguments[:1] if name in _PACKAGE_OF]
    _Parser.as_json = "--json" in arguments
    args = parser(named or COMMANDS).parse_args(arguments)
    _postpone_imports()
    as_json = getattr(args, "json", False) or getattr(args, "format", "") == "json"
    if not getattr(args, "drives", False) or getattr(args, "detach", False):
        return exit_code(partial(_perform, args), as_json=as_json)
    return run_unblocked(partial(_perform, args), as_json=as_json)


def _perform(args: argparse.Namespace) -> int:
    return int(function_of(args.command)(args))


def function_of(command: str) -> Callable[[argparse.Namespace], int]:
    """The function that carries out a command."""
    module = _TOGETHER.get(command) or f"{_PACKAGE_OF[command]}.{command.replace('-', '_')}"
    return _function(command, module)


def _postpone_imports() -> None:
    from retake_flow.cli import late_modules

    late_modules.postpone(*_LATE)


def entry() -> NoReturn:
    """Entry point of the console script."""
    garbage.postpone()
    terminal.settle()
    if sys.argv[1:2] not in _FOR_OTHERS:
        os.umask(0o077)  # stored files are for their owner alone, whatever the machine's umask
    code = main(sys.argv[1:])
    terminal.leave(code)
