"""`retake-flow serve` and `rehearsal`: serve the page where people answer and speak, and a simulated retake.tv."""

from __future__ import annotations

import argparse
import asyncio
import shlex
from pathlib import Path

from retake_flow.cli import terminal
from retake_flow.cli.arguments import read_options
from retake_flow.cli.session.interrupts import not_ignored
from retake_flow.rehearsal.setup.options import Options
from retake_flow.settings import Settings


def serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from retake_flow.web.serving import serve as serve_page

    serve_page(Settings.from_environment(), args.port, read_only=args.read_only, browser=args.open)
    return 0


def rehearsal(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    settings = Settings.from_environment()
    if not args.folder:
        settings.require_home()
    folder = Path(args.folder or settings.state_folder / "rehearsals" / "alone")
    options = Options.from_mapping(read_options(args.options))
    keep = Path(args.keep) if args.keep else None
    return asyncio.run(_serve(options, folder, args.port, keep, args.json))


async def _serve(options: Options, folder: Path, port: int, keep: Path | None, as_json: bool) -> int:
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
