"""`retake-flow agents`: lists the agents whose credentials this machine has, and moves them to other machines."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from retake_flow import printable
from retake_flow.api.agents_folder import Agent, agents_in, dump, parse, put
from retake_flow.cli import table, terminal
from retake_flow.errors import CredentialsError, UsageError
from retake_flow.settings import Settings

_LONGEST = 16 << 20  # bytes of standard input


def agents(args: argparse.Namespace) -> int:
    """List, export or import agents. The exit code is 1 if an agent cannot be used or was not imported, else 0."""
    folder = Path(args.agents).expanduser() if args.agents else Settings.from_environment().agents
    return {"list": _list, "export": _export, "import": _import}[args.what](args, folder)


def _list(args: argparse.Namespace, folder: Path) -> int:
    found = _choose(args, folder)
    if args.json:
        for each in found:
            terminal.emit(_as_json(each))
    elif not found:
        terminal.say(printable.line(f"no agents in {folder}; `retake-flow agents --help` explains how to add them"))
    else:
        rows = [[printable.line(cell) for cell in _row(each)] for each in found]
        terminal.say("\n".join(table.table([("AGENT", "NAME", "USER", "PLATFORM", "TROUBLE"), *rows], table.width())))
    return 1 if any(each.trouble for each in found) else 0


def _choose(args: argparse.Namespace, folder: Path) -> list[Agent]:
    """The agents that are named, or all."""
    found = agents_in(folder)
    if missing := set(args.names) - {each.name for each in found}:
        names = ", ".join(sorted(missing))
        raise CredentialsError(
            f"there are no credentials of {names} in {folder}", hint="`retake-flow agents` lists them"
        )
    return [each for each in found if not args.names or each.name in args.names]


def _row(agent: Agent) -> list[str]:
    found = agent.found
    known = [found.agent_name, found.user_db_id, found.issued_by] if found else ["", "", ""]
    return [agent.name, *(each or "-" for each in known), agent.trouble or "-"]


def _as_json(agent: Agent) -> dict[str, Any]:
    found = agent.found
    return {
        "agent": agent.name,
        "file": str(agent.path),
        "agent_name": found.agent_name if found else "",
        "userDbId": found.user_db_id if found else "",
        "issued_by": found.issued_by if found else "",
        "trouble": agent.trouble or None,
        "next": [],
    }


def _export(args: argparse.Namespace, folder: Path) -> int:
    if sys.stdout.isatty():
        raise UsageError("this would show access tokens on the terminal", hint="pipe it to the machine that needs them")
    contents = dump({each.name: each.path for each in _choose(args, folder)})
    if args.kubernetes:
        files = {f"{name}.json": content for name, content in contents.items()}
        about = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": args.kubernetes}, "type": "Opaque"}
        exported = {**about, "stringData": files}
    else:
        exported = {"agents": {name: json.loads(content) for name, content in contents.items()}}
    sys.stdout.write(json.dumps(exported, indent=2) + "\n")
    return 0


def _import(args: argparse.Namespace, folder: Path) -> int:
    if sys.stdin.isatty():
        raise UsageError("nothing is piped to `import`", hint="retake-flow agents import <owl.json")
    if len(args.names) > 1:
        raise UsageError("`import` takes one name at most", hint="it is for a credentials file without a name in it")
    found = parse(sys.stdin.buffer.read(_LONGEST), *args.names)
    done, refused = dict[str, str](), dict[str, CredentialsError]()
    for name, new in found.items():
        try:
            done[name] = put(folder, name, new, replace=args.replace)
        except CredentialsError as error:
            refused[name] = error
    if args.json:
        left = [{"agent": name, "reason": why.message, "hint": why.hint} for name, why in refused.items()]
        told = {"folder": str(folder), "imported": done, "left": left}
        terminal.emit({**told, "next": ["retake-flow agents --json"]})
        return 1 if refused else 0
    for name, what in done.items():
        terminal.say(printable.line(f"{name}: {what}"))
    for name, why in refused.items():
        terminal.advise(printable.line(f"retake-flow: {name} was not imported: {why.message}; {why.hint}"))
    return 1 if refused else 0
