"""`retake-flow worker`: drives submitted runs on this host, each in a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

from retake_flow import __version__, printable
from retake_flow.api.agents_folder import agents_in, files_by_name
from retake_flow.cli import terminal
from retake_flow.cli.host_commands.hosts import state
from retake_flow.cli.session.detached import last_error, log_of
from retake_flow.errors import CredentialsError, UsageError
from retake_flow.fleet import queue
from retake_flow.fleet.drivers import Hooks
from retake_flow.fleet.forkserver import ForkServer
from retake_flow.fleet.placement import output
from retake_flow.fleet.worker import Restart, Worker
from retake_flow.ports.fleet import Host, Job, Placed
from retake_flow.ports.notices import Notice
from retake_flow.ports.runs import Holder
from retake_flow.run.records import record
from retake_flow.settings import Settings
from retake_flow.telemetry.readings import FleetFigures, WorkerFigures
from retake_flow.wiring import accounts
from retake_flow.wiring.observability import metrics_of
from retake_flow.wiring.storing import open_fleet, this_process

_LOOK_EVERY: Final = 10.0  # seconds between two readings of the folder of agents


def worker(args: argparse.Namespace) -> int:
    """Drive submitted runs until the host is drained. The exit code is then 0."""
    queue.require()
    settings = Settings.from_environment()
    settings.require_home()
    flows = Path(args.flows).expanduser().absolute() if args.flows else None
    if flows is not None and not flows.is_dir():
        raise UsageError(f"--flows names {flows}, which is not a folder")
    server = ForkServer(_prepare_driver, _become_driver)  # before there are threads
    with closing(server):
        return _work(args, settings, flows, server)


def _prepare_driver() -> None:
    from retake_flow.cli.session import driver  # with the engine, which only the server of drivers needs

    driver.prepare()


def _become_driver(order: dict[str, Any]) -> NoReturn:
    from retake_flow.cli.session import driver

    driver.become_driver(order)


def _work(args: argparse.Namespace, settings: Settings, flows: Path | None, server: ForkServer) -> int:
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
            fleet_too = about.figures_of_all
            stack.enter_context(
                metrics_of(args.metrics, settings, about.figures, about.is_here, fleet_too, host=made.host.id)
            )
        work = queue.WorkQueue(settings.store, made.host.id, made.begin, 2 * (os.cpu_count() or 1))
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
    from retake_flow.notices.apprise import notifiers

    text = f"Its drivers failed {len(job.failures)} times in ten minutes, the last time because: {job.trouble}\n"
    text += f"For more, {output(job)}.\n" if output(job) else ""
    text += f"It is tried again after `retake-flow submit --run {job.run}`."
    said = Notice("trouble", f"{job.run} is held", text)

    async def send() -> None:
        await asyncio.gather(*(each.send(said) for each in notifiers(settings.notify)), return_exceptions=True)

    threading.Thread(target=lambda: asyncio.run(send()), name="notice", daemon=True).start()


class WorkerHost:
    """The host of a worker.

    Attributes:
        figures: The counters of the worker.
    """

    def __init__(self, args: argparse.Namespace, settings: Settings, flows: Path | None) -> None:
        self._settings = settings
        self._flows = flows
        self._folder = Path(args.agents).expanduser().absolute() if args.agents else settings.agents
        self._required = bool(args.agents)
        self._files: dict[str, str] | None = None
        self._looked = float("-inf")
        us = this_process()
        capacity = float(os.cpu_count() or 1) if args.capacity is None else args.capacity
        name = args.name or os.uname().nodename
        self._host = Host(name, us.where, us.pid, us.started, __version__, capacity, tuple(sorted(set(args.label))))
        self.figures = WorkerFigures(capacity=capacity)

    def describe(self) -> Host:
        """The host as it is now."""
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._looked = time.monotonic()
            self._files = self._find_agents()
            self._host = replace(self._host, agents=self._agents())
        self.figures.beat = time.monotonic()
        return self._host

    def _agents(self) -> tuple[str, ...] | None:
        """The agents of the folder, or else the worker's own; None if its credentials name no agent."""
        if self._files is not None:
            return tuple(sorted(self._files))
        own = accounts.identity_here(self._settings, {})
        if own.name:
            return (own.name,)
        return None if own.fingerprint else ()

    def _find_agents(self) -> dict[str, str] | None:
        """The file of each agent by its file's name and by its own name; None without a folder of agents."""
        if not self._required and not self._folder.is_dir():
            return None
        try:
            return files_by_name(agents_in(self._folder))
        except CredentialsError:
            if self._files is None:
                raise
            return self._files  # it may be mounted anew at the moment

    def order(self, placed: Placed) -> dict[str, Any]:
        """The order for the driver of a run.

        Raises:
            CredentialsError: The credentials of its agent are gone.
        """
        agent = ""
        if self._files is not None and placed.agent:
            if placed.agent not in self._files:
                raise CredentialsError(f"there are no credentials of {placed.agent} in {self._folder}")
            agent = self._files[placed.agent]
        flows = str(self._flows) if self._flows is not None else ""
        where = {"flows": flows, "agents": str(self._folder), "agent": agent}
        return {"run": placed.run, "epoch": placed.epoch, **where}

    def trouble(self, run: str) -> tuple[str, str]:
        """The last error in the log of a run's driver: its kind and message; "" if unknown."""
        error = last_error(log_of(self._settings, run))
        if error is None:
            return "", ""
        hint = f" ({error['hint']})" if error.get("hint") else ""
        return error["kind"], f"{error['message']}{hint}"

    def figures_of_all(self) -> FleetFigures:
        """The figures of all hosts; stores those of this one."""
        with closing(open_fleet(self._settings)) as fleet:
            hosts, jobs = fleet.hosts(), fleet.jobs()
        for host in hosts:
            if host.id == self._host.id:
                self.figures.used, self.figures.accepting = host.used, host.accepts
                self.figures.draining |= bool(host.draining)
        since = [max(job.since, job.demand.not_before) for job in jobs if job.waits and job.held is None]
        oldest = max(0.0, time.time() - min(since)) if since else 0.0
        return FleetFigures(len(since), oldest, Counter(state(host) for host in hosts))

    def note(self, event: str, **fields: Any) -> None:
        """Count an event of the worker."""
        if event == "driver_started":
            self.figures.count_start(fields["why"], fields.get("waited"))
        elif event == "driver_ended":
            self.figures.count_exit(fields["code"], fields["kind"])
        elif event in ("store_away", "store_back"):
            self.figures.store_away = event == "store_away"

    def is_here(self, run: str, holder: Holder) -> bool:
        """Whether a run is driven on this host."""
        return holder.where == self._host.place
