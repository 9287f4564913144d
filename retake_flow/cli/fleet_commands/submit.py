"""`retake-flow submit`: stores a run for any host to drive."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_allow_outside, add_json
from retake_flow.cli.option_values import run_name

if TYPE_CHECKING:
    from retake_flow.flow.model import Flow
    from retake_flow.ports.fleet import Demand
    from retake_flow.run.identity import Identity
    from retake_flow.settings import Settings
    from retake_flow.store.sql.fleet import SqlFleet

_EPILOG = """\
examples:
  retake-flow submit go-live.yaml --agent owl
  retake-flow submit go-live.yaml --agent owl --cost 1.5 --label nvenc --at 18:00
  retake-flow submit --run last             # a stored run, also one that is held
"""
_REHEARSE = (
    "rehearse the flow with `retake-flow run FLOW --rehearse`, or workers with `retake-flow rehearsal` and "
    "RETAKE_API_URL (docs/fleet.md)"
)


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("submit", help="store a run that any worker may drive", epilog=_EPILOG)
    parser.add_argument("flow", metavar="FLOW", nargs="?", help="a file, or the name of a shipped flow")
    parser.add_argument("--run", metavar="RUN", help="a stored run in place of a new one; a held one is tried again")
    parser.add_argument(
        "--agent", type=_agent_name, metavar="NAME", help="the agent whose credentials the host must have"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set an input of the flow")
    parser.add_argument(
        "--cost", type=_cost, metavar="CORES", help="how much of a host's capacity it takes; default 0.5"
    )
    parser.add_argument(
        "--label", action="append", type=label, default=[], metavar="NAME", help="what the host must have"
    )
    parser.add_argument(
        "--priority", type=_priority, metavar="N", help="the smallest comes first, -1000 to 1000; default 0"
    )
    parser.add_argument("--at", type=_future, metavar="TIME", help="not before: 18:00, 2026-12-24T18:00, or in 2h")
    parser.add_argument("--name", type=run_name, metavar="NAME", help="a name by which every command finds it")
    parser.add_argument("--rehearse", action="store_true", help=argparse.SUPPRESS)  # refused, with what to do
    add_allow_outside(parser)
    add_json(parser)
    parser.set_defaults(command=submit)


def submit(args: argparse.Namespace) -> int:
    """Store a run for any host to drive. The exit code is 0 once it is stored."""
    from contextlib import closing

    from retake_flow import printable
    from retake_flow.cli import terminal
    from retake_flow.errors import UsageError
    from retake_flow.settings import Settings
    from retake_flow.wiring.storing import open_fleet

    if args.rehearse:
        raise UsageError(
            "submit takes no --rehearse: hosts do not share the platform of a rehearsed run", hint=_REHEARSE
        )
    if bool(args.flow) == bool(args.run):
        raise UsageError("submit takes either a FLOW or --run RUN")
    if args.run and (args.set or args.name or args.allow_outside):
        raise UsageError("--set, --name and --allow-outside go with a FLOW: a stored run has its inputs and its name")
    settings = Settings.from_environment()
    with closing(open_fleet(settings)) as fleet:
        run, reason = _want(fleet, args) if args.run else _submit(fleet, args, settings)
    if args.json:
        terminal.emit({"run": run, "waits": reason or None, "next": [f"retake-flow status {run} --json"]})
    else:
        terminal.say(printable.line(f"{run} is submitted" + (f": {reason}" if reason else "")))
    return 0


def _submit(fleet: SqlFleet, args: argparse.Namespace, settings: Settings) -> tuple[str, str]:
    from dataclasses import replace
    from pathlib import Path

    from retake_flow.cli import flow_file
    from retake_flow.cli.option_values import pairs
    from retake_flow.fleet.placement import waiting_reason
    from retake_flow.flow.load.inputs import resolve, with_provided_inputs
    from retake_flow.run import ids
    from retake_flow.settings import variables
    from retake_flow.wiring import running

    flow = with_provided_inputs(flow_file.open_flow(args.flow, settings, args.allow_outside), variables())
    inputs = resolve(flow, pairs(args.set))
    agent, identity = _agent(args.agent or "", flow, inputs, settings)
    name = ids.unique(args.name) if args.name else running.new_id(flow, agent)
    run = replace(running.new_run(name, flow, inputs), identity=identity)
    demand, file = _demand(args, agent), str(Path(flow.file).resolve())
    fleet.submit(run, agent=identity.name or agent, flow_file=file, flow_text=flow.sources.dump(), demand=demand)
    return name, waiting_reason(fleet, name)


def _agent(named: str, flow: Flow, inputs: dict[str, Any], settings: Settings) -> tuple[str, Identity]:
    """The agent that a host must have, and the account of the run as far as it is known here.

    Raises:
        UsageError: The flow acts as an agent, and nobody says as which.
    """
    from retake_flow.errors import UsageError
    from retake_flow.run.identity import Identity
    from retake_flow.wiring import accounts

    if named:
        return named, Identity(platform=settings.origin)
    identity = accounts.identity_here(settings, inputs)
    if identity.fingerprint and identity.name:
        return identity.name, identity
    if accounts.acts_as_agent(flow):
        said = f"the flow {flow.name!r} acts as an agent, and "
        if names := _names_here(settings):
            raise UsageError(f"{said}nothing says as which: {', '.join(names)} are here", hint="add --agent NAME")
        hint = "add --agent NAME; `retake-flow run` registers a new one, and `agents import` has it join the others"
        raise UsageError(f"{said}no agent is known here", hint=hint)
    return "", Identity(platform=settings.origin)


def _names_here(settings: Settings) -> list[str]:
    """The agents of the folder of agents that can be used."""
    from retake_flow.api.agents_folder import agents_in

    return [agent.name for agent in agents_in(settings.agents) if agent.found] if settings.agents.is_dir() else []


def _want(fleet: SqlFleet, args: argparse.Namespace) -> tuple[str, str]:
    """Submit a stored run; what is not given stays as it was."""
    from dataclasses import replace

    from retake_flow.errors import UsageError
    from retake_flow.fleet.placement import waiting_reason

    run = fleet.runs.find(args.run)
    if fleet.runs.load(run).run.rehearsal:
        raise UsageError(
            f"{run} is a rehearsal, which no other host can continue", hint=f"`retake-flow resume {run}` does, here"
        )
    had = next((job for job in fleet.jobs() if job.run == run), None)
    demand = _demand(args, args.agent or (had.demand.agent if had else fleet.runs.load(run).agent))
    if had is not None:
        kept: dict[str, Any] = {"cost": had.demand.cost} if args.cost is None else {}
        kept |= {"labels": had.demand.labels} if not args.label else {}
        kept |= {"priority": had.demand.priority} if args.priority is None else {}
        kept |= {"not_before": had.demand.not_before} if args.at is None and not had.trouble else {}
        demand = replace(demand, **kept)
    fleet.want(run, demand)
    return run, waiting_reason(fleet, run)


def _demand(args: argparse.Namespace, agent: str) -> Demand:
    from retake_flow.ports.fleet import USUAL_COST, Demand

    cost = USUAL_COST if args.cost is None else args.cost
    return Demand(agent, cost, tuple(sorted(set(args.label))), args.priority or 0, args.at or 0.0)


def label(text: str) -> str:
    """A label of hosts on the command line.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is no label: letters, digits, dots, dashes, _, at most 63")
    return text


def cores(text: str, least: float) -> float:
    """A number of cores on the command line.

    Raises:
        ArgumentTypeError: It is none, or less than the least.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not least <= number <= 4096:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores from {least:g} to 4096")
    return number


def _agent_name(text: str) -> str:
    """The name of an agent's file, or of an agent on the platform."""
    if not re.fullmatch(r"[A-Za-z0-9 _-]{1,63}|[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", text, re.ASCII):
        said = "1 to 63 letters, digits, spaces, dots, dashes, _; with a dot, a letter or digit at both ends"
        raise argparse.ArgumentTypeError(f"{text!r} is no name of an agent: {said}")
    return text


def _future(text: str) -> float:
    from time import time

    from retake_flow.cli.durations import moment

    at = moment(text)
    if at < time() - 60:  # the minute that a person reads from a clock has not passed
        raise argparse.ArgumentTypeError(f"{text!r} is in the past; without --at, the run starts at once")
    return at


def _cost(text: str) -> float:
    return cores(text, 0.01)


def _priority(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,4}", text, re.ASCII) or abs(int(text)) > 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from -1000 to 1000")
    return int(text)
