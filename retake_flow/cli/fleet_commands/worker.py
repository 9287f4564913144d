"""`retake-flow worker`: drives submitted runs on this host, each in a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from retake_flow.ports.fleet import Job
    from retake_flow.settings import Settings


def worker(args: argparse.Namespace) -> int:
    """Drive submitted runs until the host is drained. The exit code is then 0."""
    from contextlib import closing
    from pathlib import Path

    from retake_flow.cli.fleet_commands import drive
    from retake_flow.errors import UsageError
    from retake_flow.fleet import queue
    from retake_flow.fleet.forkserver import ForkServer
    from retake_flow.settings import Settings

    queue.require()
    settings = Settings.from_environment()
    settings.require_home()
    flows = Path(args.flows).expanduser().absolute() if args.flows else None
    if flows is not None and not flows.is_dir():
        raise UsageError(f"--flows names {flows}, which is not a folder")
    server = ForkServer(drive.prepare, drive.become_driver)  # before there are threads
    with closing(server):
        return _work(args, settings, flows, server)


def _work(args: argparse.Namespace, settings: Settings, flows: Path | None, server: Any) -> int:
    from contextlib import ExitStack, closing

    from retake_flow.cli.fleet_commands.worker_host import WorkerHost
    from retake_flow.fleet.drivers import Hooks
    from retake_flow.fleet.queue import WorkQueue
    from retake_flow.fleet.worker import Restart, Worker
    from retake_flow.wiring.storing import open_fleet

    about = WorkerHost(args, settings, flows)
    log = _Log(args.json, about.note)
    with ExitStack() as stack:
        fleet = stack.enter_context(closing(open_fleet(settings)))
        hooks = Hooks(about.describe, about.order, about.trouble, lambda job: _tell_people(settings, job), log.tell)
        made = Worker(fleet, server, hooks, args.restarts)

        def heed(number: int, _: object) -> None:
            about.figures.draining |= number != signal.SIGHUP
            made.on_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, heed)
        if args.metrics:
            from retake_flow.wiring.observability import metrics_of

            fleet_too = about.figures_of_all
            stack.enter_context(
                metrics_of(args.metrics, settings, about.figures, about.is_here, fleet_too, host=made.host.id)
            )
        work = WorkQueue(settings.store, made.host.id, made.begin, 2 * (os.cpu_count() or 1))
        try:
            made.work(work)
        except Restart as reason:
            log.tell("worker_restarts", reason=str(reason))
            sys.stdout.flush()
            as_asked = sys.orig_argv[1:-2] if args.restarts else sys.orig_argv[1:]
            counted = ["--restarts", str(reason.restarts)] if reason.restarts else []
            os.execv(sys.executable, [sys.executable, *as_asked, *counted])
        work.close()
    return 0


class _Log:
    """Reports events: to people in words, to programs as JSON."""

    def __init__(self, as_json: bool, note: Callable[..., None]) -> None:
        self._as_json = as_json
        self._note = note

    def tell(self, event: str, **fields: Any) -> None:
        """Write one line."""
        import time

        from retake_flow import printable
        from retake_flow.cli import terminal
        from retake_flow.run.records import record

        self._note(event, **fields)
        if self._as_json:
            return terminal.emit(record(event, time.time(), **fields))
        run = f"[{fields.pop('run')}] " if "run" in fields else ""
        said = ", ".join(f"{name} {value}" for name, value in fields.items() if value not in ("", None))
        return terminal.say(
            printable.line(f"{time.strftime('%H:%M:%S')}  {run}{event.replace('_', ' ')}{said and f': {said}'}")
        )


def _tell_people(settings: Settings, job: Job) -> None:
    """Send the notice that a run is held, in a thread, so that nothing waits for it."""
    import asyncio
    import threading

    from retake_flow.fleet.placement import output
    from retake_flow.notices.apprise import notifiers
    from retake_flow.ports.notices import Notice

    text = f"Its drivers failed {len(job.failures)} times in ten minutes, the last time because: {job.trouble}\n"
    text += f"For more, {output(job)}.\n" if output(job) else ""
    text += f"It is tried again after `retake-flow submit --run {job.run}`."
    said = Notice("trouble", f"{job.run} is held", text)

    async def send() -> None:
        await asyncio.gather(*(each.send(said) for each in notifiers(settings.notify)), return_exceptions=True)

    threading.Thread(target=lambda: asyncio.run(send()), name="notice", daemon=True).start()
