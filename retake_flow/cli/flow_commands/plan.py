"""`retake-flow plan`: shows what a flow would do before it runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_allow_outside, add_json

if TYPE_CHECKING:
    from retake_flow.flow.model import Flow

_EPILOG = """\
what can be assumed:
  credentials=missing            how an action, a program or a question of a state or an activity ends
  session=error.rejected         an error
  post=decline                   what a person decides; post=timeout: nobody answers
  on_air=stop                    what comes from outside in a state
  verification.verified=false    what a result or an answer holds
"""


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "plan", help="show what a flow would do: calls, programs, questions, times", epilog=_EPILOG
    )
    parser.add_argument("flow", metavar="FLOW", help="a file, or the name of a shipped flow (go-live.yaml)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set an input of the flow")
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an outcome or value other than the usual one; see below",
    )
    parser.add_argument(
        "--all-paths", action="store_true", help="show the shortest path to each end and each question instead"
    )
    add_allow_outside(parser)
    add_json(parser, "one JSON document")
    parser.set_defaults(command=plan)


def plan(args: argparse.Namespace) -> int:
    """Make a plan. The exit code is 0 when there is a plan, however the plan ends."""
    from retake_flow.cli import flow_file
    from retake_flow.cli.option_values import pairs
    from retake_flow.errors import UsageError
    from retake_flow.flow.load.inputs import resolve
    from retake_flow.settings import Settings
    from retake_flow.whatif.plan.samples import with_samples

    if args.all_paths and args.assume:
        raise UsageError("--all-paths shows all paths, so it cannot be combined with --assume")
    flow = with_samples(flow_file.open_flow(args.flow, Settings.from_environment(), args.allow_outside))
    document, lines = (_all_paths if args.all_paths else _plan)(args, flow, resolve(flow, pairs(args.set)))
    _say(document, lines, args.flow, as_json=args.json)
    return 0


def _plan(args: argparse.Namespace, flow: Flow, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.cli.option_values import pairs
    from retake_flow.cli.render import plan_text, table
    from retake_flow.flow.load.inputs import origins
    from retake_flow.whatif.plan import planner

    made = planner.plan(flow, CATALOGUE, inputs, args.assume)
    told = origins(flow, pairs(args.set))
    return plan_text.document(made, told), plan_text.lines(made, told, table.width())


def _all_paths(args: argparse.Namespace, flow: Flow, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], Iterable[str]]:
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.cli.render import paths_text as told
    from retake_flow.whatif.plan import all_paths

    found = all_paths.all_paths(flow, CATALOGUE, inputs)
    return told.document(found), told.lines(found, args.flow)


def _say(document: dict[str, Any], lines: Iterable[str], file: str, *, as_json: bool) -> None:
    import shlex

    from retake_flow import printable
    from retake_flow.cli import terminal

    if as_json:
        terminal.emit({**document, "next": [f"retake-flow run {shlex.quote(file)} --rehearse --detach --json"]})
        return
    for line in lines:
        terminal.say(printable.text(line))
