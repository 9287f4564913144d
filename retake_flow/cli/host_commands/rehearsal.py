"""`retake-flow rehearsal`: runs a simulated retake.tv on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retake_flow.cli.arguments import add_json
from retake_flow.cli.option_values import port

if TYPE_CHECKING:
    from pathlib import Path

    from retake_flow.rehearsal.setup.options import Options


def add_to(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("rehearsal", help="serve a rehearsed retake.tv on this machine, until Ctrl-C")
    parser.add_argument("--port", type=port, default=0, help="the HTTP port; chosen by the system by default")
    parser.add_argument("--folder", metavar="DIR", help="where recordings, thumbnails and the report go")
    parser.add_argument(
        "--options", metavar="FILE", help="JSON: latency, lag, agents, viewers, faults, … (docs/rehearsal.md)"
    )
    parser.add_argument(
        "--keep",
        metavar="FILE",
        help="keep who is registered, what was posted and the faults to come in FILE, secrets and all: "
        "the options with which it goes on later",
    )
    add_json(parser, "print nothing but the address, always as a JSON line")
    parser.set_defaults(command=rehearsal, drives=True)


def rehearsal(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    import asyncio
    from pathlib import Path

    from retake_flow.cli.option_values import read_options
    from retake_flow.rehearsal.setup.options import Options
    from retake_flow.settings import Settings

    settings = Settings.from_environment()
    if not args.folder:
        settings.require_home()
    folder = Path(args.folder or settings.state_folder / "rehearsals" / "alone")
    options = Options.from_mapping(read_options(args.options))
    keep = Path(args.keep) if args.keep else None
    return asyncio.run(_serve(options, folder, args.port, keep, args.json))


async def _serve(options: Options, folder: Path, port: int, keep: Path | None, as_json: bool) -> int:
    import asyncio
    import shlex

    from retake_flow.cli import terminal
    from retake_flow.cli.session.interrupts import not_ignored
    from retake_flow.rehearsal.server import serve

    ended = asyncio.Event()
    for number in not_ignored():
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with serve(options, folder, port, keep) as server:
        own = shlex.quote(str(server.folder / "credentials.json"))
        variables = f"RETAKE_API_URL={server.address} RETAKE_CREDENTIALS={own}"
        told = {"api_url": server.address, "rtmp_url": server.rtmp_address, "folder": str(server.folder)}
        terminal.emit({**told, "next": [f"{variables} retake-flow run agent.yaml --detach --json"]})
        if not as_json:
            terminal.advise(f"a retake.tv runs at {server.address} until Ctrl-C. Use it with credentials of its own:")
            terminal.advise(f"    {variables} retake-flow run go-live.yaml …")
        await ended.wait()
    return 0
