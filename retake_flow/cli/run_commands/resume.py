"""`retake-flow resume`: resumes a run that no process drives."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from retake_flow import printable
from retake_flow.cli import terminal
from retake_flow.errors import CredentialsError, FlowInvalid, UsageError
from retake_flow.flow.text.bundle import Sources, parse
from retake_flow.flow.text.locate import resolve_places
from retake_flow.ports.runs import Claim, Runs, Stored
from retake_flow.run.errors import RunHeld
from retake_flow.run.records import record
from retake_flow.run.run import Run
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings
from retake_flow.wiring.observability import observing
from retake_flow.wiring.storing import open_store, this_user


def resume(args: argparse.Namespace) -> int:
    """Resume one run, or all runs that wait for a process. The exit code says how it ended."""
    answering = args.answer or args.decision
    alone = answering or args.upgrade or args.force or args.allow_outside or args.detach
    if args.all == bool(args.run) or (args.all and alone):
        raise UsageError(
            "resume takes either a RUN or --all, and --all takes no answer and no other option than --wait, --metrics"
            " and --json"
        )
    settings = Settings.from_environment()
    with closing(open_store(settings)) as runs:
        if args.all:
            from retake_flow.cli.run_commands.resume_all import resume_all

            with observing(args.metrics, settings, terminal.advise):
                return resume_all(runs, settings, as_json=args.json, wait=args.wait)
        run, answered = runs.find(args.run), ""
        if answering:
            from retake_flow.cli.run_commands.answer import parse_words
            from retake_flow.monitor.answering import store_answer

            gate, _ = store_answer(runs, run, parse_words(args.answer), args.decision, args.by or this_user())
            answered = gate.id
        if not args.detach:
            return _resume_one(runs, run, settings, args, answered)
    from retake_flow.cli.session.detached import detach

    return detach(run, settings, partial(_resume_detached, run, settings, args, answered), args)


def _resume_detached(run: str, settings: Settings, args: argparse.Namespace, answered: str, log: Path) -> int:
    with closing(open_store(settings)) as runs:
        return _resume_one(runs, run, settings, args, answered, log)


def _resume_one(
    runs: Runs, run: str, settings: Settings, args: argparse.Namespace, answered: str, log: Path | None = None
) -> int:
    import asyncio

    stored = runs.load(run)
    if stored.run.has_ended and stored.holder is None and not stored.run.undoing:
        ended = stored.run
        if args.json:
            terminal.emit(
                {"event": "already_ended", "run": run, "outcome": ended.outcome, "reason": ended.reason}
                | {"next": [f"retake-flow show {run} --json"]}
            )
        else:
            terminal.say(printable.line(f"{run} has already ended: {ended.outcome} in {ended.state or 'no state'}"))
        return 0 if ended.has_succeeded else 1
    try:
        with observing(args.metrics, settings, terminal.advise):
            return asyncio.run(_drive(runs, stored, settings, args, log))
    except (RunHeld, CredentialsError) as error:
        if answered:  # the answer is stored all the same
            taker = (
                "the process that drives the run" if isinstance(error, RunHeld) else "the process that resumes the run"
            )
            terminal.advise(f"answered {printable.line(answered)}; {taker} takes it")
        raise


async def _drive(runs: Runs, stored: Stored, settings: Settings, args: argparse.Namespace, log: Path | None) -> int:
    from retake_flow.cli.session.session import Session, drive_one
    from retake_flow.cli.session.takeover import take_up

    allowed = resolve_places(args.allow_outside)

    def upgrade_claim(claim: Claim) -> None:
        if args.upgrade:
            _upgrade(runs, stored.run.id, claim, settings, allowed)

    async def take(session: Session) -> Run:
        return await take_up(session, stored, allowed, force=args.force, prepare=upgrade_claim)

    return await drive_one(runs, settings, stored.run.flow, take, as_json=args.json, wait=args.wait, log=log)


def _upgrade(runs: Runs, run: str, claim: Claim, settings: Settings, allowed: tuple[str, ...] = ()) -> None:
    """Give a run the current version of its flow's file, if it can continue in it.

    Raises:
        FlowInvalid: The run cannot continue in it, or the file has mistakes; the run keeps its flow.
    """
    # Only an upgrade needs the checks of flows, which take long to import.
    from retake_flow.cli import flow_file
    from retake_flow.run.upgrading import incompatibilities

    stored = runs.load(run)
    old = parse(stored.flow_text)
    flow = flow_file.open_flow(stored.flow_file, settings, old.allowing(allowed).allowed)
    if _same(old, flow.sources):
        terminal.advise("the run already has this flow")
        return
    against = incompatibilities(stored.run, flow)
    if against:
        _show_difference(old.text, flow.text, stored.flow_file)
        raise FlowInvalid(
            f"{run} cannot continue with the flow as it is now: {'; '.join(against)}",
            hint="resume without --upgrade to continue with the flow that it began with",
        )
    said = record("run_upgraded", time.time(), run=run, version=flow.version, digest=flow.digest)
    claim.upgrade(replace(stored.run, digest=flow.digest), [said], flow.sources.dump())


def _same(old: Sources, new: Sources) -> bool:
    """Whether two flows have the same content, even if their paths differ, relative or absolute."""
    return old.text == new.text and _used_texts(old) == _used_texts(new) and set(old.allowed) == set(new.allowed)


def _used_texts(sources: Sources) -> list[tuple[str, str]]:
    return sorted((name, digest) for _, name, digest in sources.uses())


def _show_difference(old: str, new: str, file: str) -> None:
    import difflib

    file = one_line(file)
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{file} (as the run has it)", f"{file} (as it is now)", lineterm=""
    )
    for line in lines:
        terminal.advise(printable.text(line))
