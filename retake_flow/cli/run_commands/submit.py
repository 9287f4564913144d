"""`retake-flow submit`: stores a run for any host to drive."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from retake_flow import printable
from retake_flow.api.agents_folder import agents_in
from retake_flow.cli import flow_file, terminal
from retake_flow.cli.arguments import pairs
from retake_flow.errors import UsageError
from retake_flow.fleet.placement import waiting_reason
from retake_flow.flow.load.inputs import resolve, with_provided_inputs
from retake_flow.flow.model import Flow
from retake_flow.ports.fleet import USUAL_COST, Demand
from retake_flow.run.identity import Identity
from retake_flow.run.run import unique_id
from retake_flow.settings import Settings, variables
from retake_flow.store.sql.fleet import SqlFleet
from retake_flow.wiring import accounts, running
from retake_flow.wiring.storing import open_fleet

_REHEARSE = (
    "rehearse the flow with `retake-flow run FLOW --rehearse`, or workers with `retake-flow rehearsal` and "
    "RETAKE_API_URL (docs/fleet.md)"
)


def submit(args: argparse.Namespace) -> int:
    """Store a run for any host to drive. The exit code is 0 once it is stored."""
    if args.rehearse:
        raise UsageError("submit has no --rehearse: hosts do not share the platform of a rehearsed run", hint=_REHEARSE)
    if bool(args.flow) == bool(args.run):
        raise UsageError("submit takes either a FLOW or --run RUN")
    if args.run and (args.set or args.name or args.allow_outside):
        raise UsageError("--set, --name and --allow-outside go with a FLOW: a stored run has its inputs and its name")
    settings = Settings.from_environment()
    with closing(open_fleet(settings)) as fleet:
        run, reason = _want(fleet, args) if args.run else _submit(fleet, args, settings)
    told = {"run": run, "waits": reason or None, "next": [f"retake-flow status {run} --json"]}
    said = printable.line(f"{run} is submitted" + (f": {reason}" if reason else ""))
    terminal.tell(told, [said], as_json=args.json)
    return 0


def _submit(fleet: SqlFleet, args: argparse.Namespace, settings: Settings) -> tuple[str, str]:
    flow = with_provided_inputs(flow_file.open_flow(args.flow, settings, args.allow_outside), variables())
    inputs = resolve(flow, pairs(args.set))
    agent, identity = _agent(args.agent or "", flow, inputs, settings)
    name = unique_id(args.name) if args.name else running.new_id(flow, agent)
    run = replace(running.new_run(name, flow, inputs), identity=identity)
    demand, file = _demand(args, agent), str(Path(flow.file).resolve())
    fleet.submit(run, agent=identity.name or agent, flow_file=file, flow_text=flow.sources.dump(), demand=demand)
    return name, waiting_reason(fleet, name)


def _agent(named: str, flow: Flow, inputs: dict[str, Any], settings: Settings) -> tuple[str, Identity]:
    """The agent that a host must have, and the account of the run as far as it is known here."""
    if named:
        return named, Identity(platform=settings.origin)
    identity = accounts.identity_here(settings, inputs)
    if identity.fingerprint and identity.name:
        return identity.name, identity
    if accounts.acts_as_agent(flow):
        said = f"the flow {flow.name!r} acts as an agent, and "
        if names := _names_here(settings):
            raise UsageError(f"{said}no agent is named; there are: {', '.join(names)}", hint="add --agent NAME")
        hint = "add --agent NAME; `retake-flow run` registers a new one, and `agents import` adds it to the others"
        raise UsageError(f"{said}no agent is known here", hint=hint)
    return "", Identity(platform=settings.origin)


def _names_here(settings: Settings) -> list[str]:
    """The usable agents in the folder of agents."""
    return [agent.name for agent in agents_in(settings.agents) if agent.found] if settings.agents.is_dir() else []


def _want(fleet: SqlFleet, args: argparse.Namespace) -> tuple[str, str]:
    """Submit a stored run; options that are not given keep their values."""
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
    cost = USUAL_COST if args.cost is None else args.cost
    return Demand(agent, cost, tuple(sorted(set(args.label))), args.priority or 0, args.at or 0.0)
