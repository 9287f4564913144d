"""`retake-flow run`: take a flow from its start to its end."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from retake_flow.cli.views import View
    from retake_flow.flow.model import Flow
    from retake_flow.run.run import Run
    from retake_flow.settings import Settings


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("run", help="run a flow, for example go-live.yaml")
    parser.add_argument("flow", metavar="FLOW", help="a file, or the name of a shipped flow (go-live.yaml)")
    parser.add_argument("--rehearse", action="store_true", help="against a retake.tv on this machine, seen by nobody")
    parser.add_argument(
        "--rehearsal-options", metavar="FILE", help="JSON: latency, viewers, faults, … (docs/rehearsal.md)"
    )
    parser.add_argument("--folder", metavar="DIR", help="where a rehearsal keeps its recordings and report")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="set an input of the flow")
    parser.add_argument("--for", dest="duration", metavar="TIME", help="end the time on air after this long (10s, 2h)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(command=run)


def run(args: argparse.Namespace) -> int:
    """Run a flow; the exit code says how it ended."""
    import asyncio
    from pathlib import Path

    from retake_flow.cli import flows
    from retake_flow.cli.options import read_options
    from retake_flow.errors import UsageError
    from retake_flow.flow.inputs import resolve
    from retake_flow.settings import Settings

    if (args.rehearsal_options or args.folder) and not args.rehearse:
        raise UsageError("--rehearsal-options and --folder go with --rehearse")
    settings = Settings.from_environment()
    flow = flows.opened(args.flow, settings)
    inputs = resolve(flow, _given(args, flow))
    options = read_options(args.rehearsal_options) if args.rehearse else None
    folder = Path(args.folder) if args.folder else None
    return asyncio.run(_Session(flow, inputs, settings, args.json).drive(options, folder))


def _given(args: argparse.Namespace, flow: Flow) -> dict[str, str]:
    from retake_flow.errors import UsageError

    given: dict[str, str] = {}
    for pair in args.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--set takes NAME=VALUE, not {pair!r}")
        given[name.strip()] = value
    if args.duration is not None:
        if "max_duration" not in flow.inputs:
            raise UsageError(f"the flow {flow.name!r} has no input max_duration, so --for means nothing to it")
        given["max_duration"] = args.duration
    return given


class _Session:
    """One run of the program: the run, who watches it, and who may interrupt it."""

    def __init__(self, flow: Flow, inputs: dict[str, Any], settings: Settings, as_json: bool) -> None:
        self._flow = flow
        self._inputs = inputs
        self._settings = settings
        self._as_json = as_json

    async def drive(self, options: dict[str, Any] | None, folder: Path | None) -> int:
        """Drive the run to its end.

        Args:
            options: How the platform is rehearsed; None for the real one.
            folder: Where a rehearsal keeps its files.
        """
        from retake_flow.cli.interrupts import Interrupts
        from retake_flow.cli.views import view_for
        from retake_flow.wiring import running

        running.require_programs(self._flow)
        run = running.new_id(self._flow)
        with view_for(self._as_json, self._flow.name) as view, Interrupts() as interrupts:
            if options is None:
                ended = await self._run(run, self._settings, view, interrupts)
            else:
                from retake_flow.wiring import rehearsing

                folder = folder or self._settings.state_folder / "rehearsals" / run
                launcher = running.launcher(run)
                async with rehearsing.rehearsal(launcher, self._settings, folder, options) as settings:
                    ended = await self._run(run, settings, view, interrupts)
                view.report(await rehearsing.report(launcher, folder))
        if interrupts.count:
            return 130
        return 0 if ended.outcome == "completed" else 1

    async def _run(self, run: str, settings: Settings, view: View, interrupts: Any) -> Run:
        from retake_flow.wiring import running

        async with running.runner(self._flow, run, self._inputs, settings, [view]) as runner:
            interrupts.of(runner)
            return await runner.drive()
