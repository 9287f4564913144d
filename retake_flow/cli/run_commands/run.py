"""`retake-flow run`: runs a flow from its start to its end."""

from __future__ import annotations

import argparse
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retake_flow.cli import flow_file, terminal
from retake_flow.cli.arguments import pairs, read_options
from retake_flow.errors import UsageError
from retake_flow.flow.load.inputs import resolve, with_provided_inputs
from retake_flow.flow.model import Flow
from retake_flow.run.run import unique_id
from retake_flow.settings import Settings, variables

if TYPE_CHECKING:
    from retake_flow.run.run import Run


def run(args: argparse.Namespace) -> int:
    """Run a flow. The exit code says how it ended."""
    if (args.rehearsal_options or args.folder) and not args.rehearse:
        raise UsageError("--rehearsal-options and --folder go with --rehearse")
    if args.hours is not None and (not args.rehearse or args.duration is not None):
        raise UsageError("--hours goes with --rehearse, and without --for")
    settings = Settings.from_environment()
    flow = with_provided_inputs(flow_file.open_flow(args.flow, settings, args.allow_outside), variables())
    inputs = resolve(flow, _given_inputs(args, flow))
    options = _options(args) if args.rehearse else None
    name = unique_id(args.name) if args.name else _new_id(flow, inputs, settings, options)
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
    """Drive the run in this process, with its output on the terminal or only in the log."""
    import asyncio  # imported late, since mistakes of the flow are reported without it

    from retake_flow.cli.session.session import Session, drive_one
    from retake_flow.wiring.observability import observing
    from retake_flow.wiring.soak import Soak
    from retake_flow.wiring.storing import open_store

    folder = Path(args.folder) if args.folder else settings.state_folder / "rehearsals" / name
    rehearsal = None if options is None else (folder, options)

    async def begin(session: Session) -> Run:
        soak = None if args.hours is None else Soak(args.hours * 3600)
        return await session.begin(flow, name, inputs, rehearsal, soak)

    with observing(args.metrics, settings, terminal.advise), closing(open_store(settings)) as runs:
        return asyncio.run(drive_one(runs, settings, flow.name, begin, as_json=args.json, wait=args.wait, log=log))


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """The options of the rehearsal. Given options take precedence over those of a soak."""
    given = read_options(args.rehearsal_options)
    if args.hours is None:
        return given
    from retake_flow.wiring.soak import script

    return {**script(args.hours * 3600), **given}


def _given_inputs(args: argparse.Namespace, flow: Flow) -> dict[str, str]:
    given = pairs(args.set)
    if args.duration is not None:
        if "max_duration" not in flow.inputs:
            raise UsageError(f"the flow {flow.name!r} has no input max_duration, so --for has no effect")
        given["max_duration"] = args.duration
    if args.hours is not None and "max_duration" in flow.inputs:
        given.setdefault("max_duration", f"{args.hours + 1:g}h")  # something outside the flow ends it
    return given
