"""Worker host: describes the host of a worker, and orders drivers on it."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from retake_flow import __version__
from retake_flow.api.agents_folder import agents_in, files_by_name
from retake_flow.cli.fleet_commands.hosts import state
from retake_flow.cli.session.detached import log_of
from retake_flow.errors import CredentialsError
from retake_flow.ports.fleet import Host, Placed
from retake_flow.ports.runs import Holder
from retake_flow.settings import Settings
from retake_flow.telemetry.readings import FleetFigures, WorkerFigures
from retake_flow.wiring import accounts
from retake_flow.wiring.storing import open_fleet, this_process

_LOOK_EVERY: Final = 10.0  # seconds between two readings of the folder of agents
_TAIL: Final = 8_192  # bytes of a log


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
        try:
            with log_of(self._settings, run).open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL))
                *_, last = log.read().splitlines()
            record = json.loads(last.decode(errors="replace"))
            if record["event"] != "error":
                return "", ""
            hint = f" ({record['hint']})" if record.get("hint") else ""
            return str(record["kind"]), f"{record['message']}{hint}"
        except (OSError, ValueError, KeyError, TypeError):
            return "", ""

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
