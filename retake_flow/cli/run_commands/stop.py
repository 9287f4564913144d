"""`retake-flow stop` and `kill`: end a run, whichever process drives it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from retake_flow import printable
from retake_flow.api.agents_folder import agents_in, file_of, files_by_name
from retake_flow.cli import terminal
from retake_flow.errors import AccountInUse, CredentialsError
from retake_flow.fleet.placement import waiting_reason
from retake_flow.monitor.brief import next_for
from retake_flow.monitor.following import Polling, is_over
from retake_flow.ports.runs import RequestKind, Runs, Stored
from retake_flow.run.errors import RunHeld
from retake_flow.run.records import masked, record
from retake_flow.settings import Settings
from retake_flow.wiring.children import sweep
from retake_flow.wiring.storing import is_certain, is_driven, load_with_driver, open_fleet, open_store, this_process

_EVERY = 0.1


def stop(args: argparse.Namespace) -> int:
    """Stop a run cleanly. The exit code is 0 once it has ended, and 1 if it has not in time."""
    return _end(args, "stop")


def kill(args: argparse.Namespace) -> int:
    """End a run at once. The exit code is 0 once it has ended, and 1 if it has not in time."""
    return _end(args, "kill")


def _end(args: argparse.Namespace, what: RequestKind) -> int:
    settings = Settings.from_environment()
    with closing(open_store(settings)) as store:
        before = store.load(store.find(args.run))
        run = before.run.id
        last = store.journal(run, last=1)

        def has_taken_stop() -> bool:
            """Whether the run has taken the stop: then its flow may still lead elsewhere, such as to a question."""
            return bool(store.journal(run, last[0][0] if last else 0, events=("stop_requested",)))

        ask: Callable[[], object] = cache(partial(store.request, run, what))  # a second stop would be another event
        after, waits = _ask_to_end(store, run, ask, args.within), None
        driven = is_driven(after.holder)
        if not driven and (_may_be_unfinished(after) or (what == "kill" and not is_over(after))):
            after = _kill_undriven(store, run)
        if what == "stop" and not driven and not is_over(after) and not (has_taken_stop() and not after.run.has_ended):
            waits = _stop_undriven(store, after, ask, settings, silent=args.json)
            if waits is None:
                after = store.load(run)
            else:
                after = _ask_to_end(store, run, ask, 0.0 if waits else args.within, has_taken_stop)
        commands = next_for(store, run)
        waits = None if is_over(after) else waits
        if waits is not None or is_driven(after.holder):
            commands = [f"retake-flow wait {run} --until ended --within 50s --json", f"retake-flow kill {run} --json"]
    _tell(after, what, commands, already=is_over(before), as_json=args.json, waits=waits)
    return 0 if is_over(after) else 1


def _ask_to_end(
    store: Runs, run: str, ask: Callable[[], object], within: float, stopped: Callable[[], bool] = lambda: True
) -> Stored:
    """Ask the process that drives a run to end it, even if another one resumes it meanwhile.

    `stopped` says whether it needs no process any more when none drives it; if not, a host will.

    Returns:
        The run once no process drives it, for it ends before all is undone; as it is when the time is up.
    """
    polling = Polling(within, _EVERY)
    while True:
        stored, driven = load_with_driver(store, run)
        left = not driven and (is_over(stored) or stopped())
        if not (left or stored.run.has_ended):
            ask()
        if left or not polling.wait_for_next():
            return stored


def _stop_undriven(
    store: Runs, stored: Stored, ask: Callable[[], object], settings: Settings, *, silent: bool
) -> str | None:
    """Stop a run that no process drives, here; a submitted one whose credentials are not here is left to a host.

    Returns:
        None when it is stopped; otherwise why it waits for a host, "" when one has it or takes it in a moment.
    """
    import asyncio

    run = stored.run.id
    try:
        asyncio.run(stop_parked(store, run, _as_its_agent(stored, settings), silent=silent))
    except RunHeld:  # a process has taken it up meanwhile
        return ""
    except CredentialsError as error:
        if not stored.submitted or isinstance(error, AccountInUse):
            raise
        ask()
        with closing(open_fleet(settings)) as fleet:
            for job in fleet.jobs():
                if job.run == run:  # even if it is held or waits after a failure
                    fleet.want(run, replace(job.demand, not_before=0.0))
            return waiting_reason(fleet, run)
    return None


async def stop_parked(runs: Runs, run: str, settings: Settings, *, silent: bool) -> None:
    """Stop a run that no process drives cleanly, with its pending undos.

    Raises:
        RunHeld: A process drives the run now.
    """
    from retake_flow.cli.session.interrupts import Interrupts
    from retake_flow.cli.session.session import Session
    from retake_flow.cli.session.takeover import take_up
    from retake_flow.cli.session.views import NoView, PlainView

    with Interrupts() as interrupts:
        view = NoView() if silent else PlainView()
        session = Session(runs, settings, view, interrupts, as_json=silent, wait=False, asks=False)
        await take_up(session, runs.load(run), stop="stopped")


def _as_its_agent(stored: Stored, settings: Settings) -> Settings:
    """The settings with the credentials of a run's agent, if the folder of agents has them."""
    if not stored.submitted:  # the folder does not concern it, and may be unreadable
        return settings
    files = files_by_name(agents_in(settings.agents)) if settings.agents.is_dir() else {}
    if stored.agent not in files:
        return settings
    return replace(settings, credentials=file_of(settings.agents, files[stored.agent]), access_token=None)


def _may_be_unfinished(stored: Stored) -> bool:
    """Whether a run is over, and its process may have died before it recorded that and removed its tokens."""
    return is_over(stored) and stored.holder is not None and not stored.holder.has_moved


def _kill_undriven(store: Runs, run: str) -> Stored:
    """End a run that no process drives, give up its undos, and kill whatever its processes left behind."""
    claim = store.claim(run, this_process())
    try:
        sweep(run)
        stored = store.load(run)
        last, recorded = stored.run, store.journal(run, last=1, events=("run_ended",))
        if not (last.has_ended and recorded) or last.undoing:
            # Its gates stay in the snapshot: the store then closes them whether or not they are answered.
            ended = replace(last, undoing=()) if last.has_ended else last.as_killed("killed")
            stats = last.stats.figures(stored.updated)
            fields = {"outcome": ended.outcome, "state": last.state, "reason": ended.reason, "stats": stats}
            ended = replace(ended, stats=last.stats.counting([record("run_ended", stored.updated)]))
            claim.write(ended, [] if recorded else [record("run_ended", time.time(), run=run, **fields)])
        if last.rehearsal:
            _forget(last.rehearsal)
    finally:
        claim.release()
    return store.load(run)


def _forget(rehearsal: str) -> None:
    """Remove the tokens of a rehearsal that cannot be resumed."""
    from retake_flow.wiring import rehearsing

    rehearsing.forget(Path(rehearsal))


def _tell(
    stored: Stored, what: RequestKind, commands: list[str], *, already: bool, as_json: bool, waits: str | None
) -> None:
    run = stored.run
    if as_json:
        effect = "done" if is_over(stored) else "queued" if waits is not None or is_driven(stored.holder) else "none"
        data = {"run": run.id, "ended": run.has_ended, "already_ended": already, "effect": effect}
        data |= {"phase": run.phase.value, "outcome": run.outcome, "state": run.state, "reason": run.reason}
        stats = run.stats.figures(time.time())
        terminal.emit(masked({**data, "stats": stats, "waits": waits or None, "next": commands}))
        return
    if is_over(stored):
        reason = f": {run.reason}" if run.reason not in ("", run.outcome) else ""
        word = "had already ended" if already else "has ended"
        terminal.say(printable.line(f"{run.id} {word}: {run.outcome} in {run.state or 'no state'}{reason}"))
        return
    until = f", and a host will stop it once it drives it: {waits}" if waits else ""
    terminal.say(printable.line(f"{run.id} has not ended yet; it is in {run.state or 'no state'}{until}"))
    terminal.advise(_next(stored, what))


def _next(stored: Stored, what: RequestKind) -> str:
    """The next step for a run that does not end."""
    run, holder = printable.line(stored.run.id), stored.holder
    if holder is not None and not is_certain(holder):
        gone = f"when {printable.line(holder.host)} is gone, take it over with `retake-flow resume {run} --force`"
        return f"    hint: {gone}, and {what} it then"
    if what == "stop" or holder is None:
        return f"    hint: wait for it with `retake-flow watch {run}`, or end it with `retake-flow kill {run}`"
    where = f"process {holder.pid} on {printable.line(holder.host)}"
    return f"    hint: end {where} with `kill -9 {holder.pid}`, then `retake-flow kill {run}` again"
