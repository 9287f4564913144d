"""`retake-flow run`: runs a flow from its start to its end."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_allow_outside, add_detach, add_json, add_metrics

if TYPE_CHECKING:
    from retake_flow.cli.session.session import Session
    from retake_flow.flow.model import Flow
    from retake_flow.settings import Settings


def add_to(commands: Any) -> None:
    """Declare the command."""
    from retake_flow.cli.option_values import run_name

    parser = commands.add_parser("run", help="run a flow, for example go-live.yaml")
    parser.add_argument("flow", metavar="FLOW", help="a file, or the name of a shipped flow (go-live.yaml)")
    parser.add_argument("--rehearse", action="store_true", help="use a rehearsed retake.tv on this machine")
    parser.add_argument(
        "--rehearsal-options", metavar="FILE", help="JSON: latency, viewers, faults, … (docs/rehearsal.md)"
    )
    parser.add_argument("--folder", metavar="DIR", help="the folder for a rehearsal's recordings and report")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set an input of the flow")
    parser.add_argument("--for", dest="duration", metavar="TIME", help="end the time on air after this long (10s, 2h)")
    parser.add_argument(
        "--hours",
        type=_hours,
        metavar="NUMBER",
        help="rehearse this long with busy chat and faults, and measure (0.5, 8)",
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="keep running while the run only waits for a person",
    )
    add_allow_outside(parser)
    parser.add_argument("--name", type=run_name, metavar="NAME", help="a name by which every command finds it")
    add_detach(parser)
    add_metrics(parser)
    add_json(parser, "one JSON object per line")
    parser.set_defaults(command=run, drives=True)


def run(args: argparse.Namespace) -> int:
    """Run a flow. The exit code says how it ended."""
    from retake_flow.cli import flow_file
    from retake_flow.errors import UsageError
    from retake_flow.flow.load.inputs import resolve, with_provided_inputs
    from retake_flow.run import ids
    from retake_flow.settings import Settings, variables

    if (args.rehearsal_options or args.folder) and not args.rehearse:
        raise UsageError("--rehearsal-options and --folder go with --rehearse")
    if args.hours is not None and (not args.rehearse or args.duration is not None):
        raise UsageError("--hours goes with --rehearse, and without --for")
    settings = Settings.from_environment()
    flow = with_provided_inputs(flow_file.open_flow(args.flow, settings, args.allow_outside), variables())
    inputs = resolve(flow, _given_inputs(args, flow))
    options = _options(args) if args.rehearse else None
    name = ids.unique(args.name) if args.name else _new_id(flow, inputs, settings, options)
    drive = partial(_drive, flow, name, inputs, settings, options, args)
    if args.detach:
        from retake_flow.cli.session.detached import detach

        return detach(name, settings, drive, args)
    return drive()


def _new_id(flow: Flow, inputs: dict[str, Any], settings: Settings, options: dict[str, Any] | None) -> str:
    from retake_flow.wiring import accounts, running

    if options is None:
        agent = accounts.identity_here(settings, inputs).name
    else:
        from retake_flow.wiring import rehearsing

        agent = rehearsing.agent_in(options) or str(inputs.get("agent_name") or "")
    return running.new_id(flow, agent, rehearsal=options is not None)


def _drive(
    flow: Flow,
    name: str,
    inputs: dict[str, Any],
    settings: Settings,
    options: dict[str, Any] | None,
    args: argparse.Namespace,
    log: Path | None = None,
) -> int:
    """Drive the run in this process; with a log, for nobody but that."""
    import asyncio
    from contextlib import closing

    from retake_flow.cli import terminal
    from retake_flow.cli.session.session import Session
    from retake_flow.wiring.observability import observed
    from retake_flow.wiring.storing import open_store

    as_json = args.json or log is not None
    with observed(args.metrics, settings, terminal.advise), closing(open_store(settings)) as runs:
        session = Session(runs, settings, as_json=as_json, wait=args.wait)
        folder = Path(args.folder) if args.folder else settings.state_folder / "rehearsals" / name
        rehearsal = None if options is None else (folder, options)
        return asyncio.run(_driven(session, flow, name, inputs, rehearsal, args.hours, as_json, log))


async def _driven(
    session: Session,
    flow: Flow,
    name: str,
    inputs: dict[str, Any],
    rehearsal: tuple[Path, dict[str, Any]] | None,
    hours: float | None,
    as_json: bool,
    log: Path | None,
) -> int:
    from retake_flow.cli.session.interrupts import Interrupts
    from retake_flow.cli.session.session import exit_code, is_attended
    from retake_flow.cli.session.views import view_for
    from retake_flow.wiring.soak import Soak

    prompted = is_attended(as_json)
    with view_for(as_json, flow.name, prompted=prompted, log=log) as view, Interrupts() as interrupts:
        soak = None if hours is None else Soak(hours * 3600)
        ended = await session.begin(flow, name, inputs, rehearsal, view, interrupts, soak)
    return exit_code(ended, bool(interrupts.count))


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0.01 <= hours <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours between 0.01 and 1000")
    return hours


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of the rehearsal. Given options take precedence over those of a soak."""
    from retake_flow.cli.option_values import read_options
    from retake_flow.wiring.soak import script

    given = read_options(args.rehearsal_options)
    return given if args.hours is None else {**script(args.hours * 3600), **given}


def _given_inputs(args: argparse.Namespace, flow: Flow) -> dict[str, str]:
    from retake_flow.cli.option_values import pairs
    from retake_flow.errors import UsageError

    given = pairs(args.set)
    if args.duration is not None:
        if "max_duration" not in flow.inputs:
            raise UsageError(f"the flow {flow.name!r} has no input max_duration, so --for has no effect")
        given["max_duration"] = args.duration
    if args.hours is not None and "max_duration" in flow.inputs:
        given.setdefault("max_duration", f"{args.hours + 1:g}h")  # something outside the flow ends it
    return given
