"""`retake-flow init`: writes a new flow to start from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_allow_outside, add_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from retake_flow.flow.model import Flow


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("init", help="write a first flow for an agent, for you to edit")
    parser.add_argument("name", metavar="NAME", help="the flow's name: lowercase letters, digits and -")
    parser.add_argument("--extends", metavar="FLOW", default="go-live.yaml", help="the flow to extend")
    parser.add_argument("--output", metavar="FILE", help="where to write it; default: NAME.yaml")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    add_allow_outside(parser)
    add_json(parser)
    parser.set_defaults(command=init)


def init(args: argparse.Namespace) -> int:
    """Write a flow that extends another, and print the next steps."""
    import re
    import shlex
    from pathlib import Path

    from retake_flow import printable
    from retake_flow.cli import flow_file, terminal
    from retake_flow.cli.flow_commands.flow_template import starter_flow
    from retake_flow.errors import UsageError
    from retake_flow.flow.text import locate
    from retake_flow.settings import Settings

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", args.name):
        raise UsageError(
            f"{args.name!r} is not a valid flow name", hint="use lowercase letters, digits and -, at most 64 characters"
        )
    file = Path(args.output or f"{args.name}.yaml")
    base = flow_file.open_flow(args.extends, Settings.from_environment(), args.allow_outside)
    if file.name in locate.shipped_flows() or file.resolve() == Path(base.file).resolve():
        message = f"{file.name} is the name of a flow that is there already"
        raise UsageError(message, hint="choose another NAME, or give --output")
    named = _reference(args.extends, Path(base.file), file)
    allowed = _allowed_files(base, file)
    options = (option for place in allowed for option in (locate.OPTION, place))
    shown = printable.line(shlex.join([str(file), *options]))
    text = starter_flow(args.name, named, base, str(locate.schema_file()), shown)
    _hold(text, file, allowed)
    _write(file, text, force=args.force)
    steps = [f"retake-flow check {shown}", f"retake-flow run {shown} --rehearse"]
    if args.json:
        terminal.emit({"file": str(file), "next": steps})
        return 0
    terminal.say(f"wrote {printable.line(str(file))}: read it, change it, and then")
    for step in steps:
        terminal.say(f"    {step}")
    return 0


def _reference(written: str, base: Path, file: Path) -> str:
    """The text to write after `extends` in a file, so that it leads to the same flow from there."""
    import os

    from retake_flow.errors import UsageError
    from retake_flow.flow.text import locate

    relative = os.path.relpath(base, file.parent)
    for name in (base.name, written, relative):
        try:
            if locate.find(name, file.parent).resolve() == base.resolve() and name != file.name:
                return name
        except UsageError:
            continue
    return str(base.resolve())


def _allowed_files(base: Flow, file: Path) -> tuple[str, ...]:
    """The files that a flow in `file` must be allowed to name to extend `base`."""
    import os

    from retake_flow.errors import UsageError
    from retake_flow.flow.text.locate import Folders

    try:
        Folders.beside(file).require(base.file)
    except UsageError:
        return tuple(dict.fromkeys((os.path.dirname(os.path.realpath(base.file)), *base.sources.allowed)))
    return base.sources.allowed


def _hold(text: str, file: Path, allowed: Sequence[str]) -> None:
    """Make sure that the written text is a flow without mistakes."""
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.flow.check.check import check
    from retake_flow.flow.diagnostics import Problems, errors
    from retake_flow.flow.load.load import load

    found = errors(check(load(text, str(file), allowed=allowed), CATALOGUE))
    if found:
        raise Problems(found)


def _write(file: Path, text: str, *, force: bool) -> None:
    from retake_flow.errors import UsageError
    from retake_flow.sanitize import one_line

    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        hint = "--force writes over it; --output writes elsewhere"
        raise UsageError(f"{one_line(str(file))} is there already", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{one_line(str(file))} cannot be written: {error.strerror}") from None
