"""Takeover: claims and resumes a run that no process drives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from retake_flow.cli.session.session import Session, let_go
from retake_flow.cli.session.views import View
from retake_flow.errors import AccountInUse, CredentialsError, Damaged, InputError, RetakeFlowError
from retake_flow.flow.load.inputs import with_provided_inputs
from retake_flow.flow.load.load import load_stored as flow_of
from retake_flow.flow.model import Flow
from retake_flow.flow.text.bundle import parse
from retake_flow.ports.runs import Claim, Runs, Stored
from retake_flow.run.errors import RunHeld
from retake_flow.run.identity import Identity
from retake_flow.run.run import Phase, Run
from retake_flow.run.secret_inputs import with_secrets
from retake_flow.settings import Settings, variables
from retake_flow.wiring import accounts
from retake_flow.wiring.accounts import AccountLock
from retake_flow.wiring.flow_files import on_this_host
from retake_flow.wiring.storing import this_process


async def take_up(
    session: Session,
    before: Stored,
    allowed: tuple[str, ...] = (),
    *,
    force: bool = False,
    stop: str = "",
    prepare: Callable[[Claim], None] = lambda claim: None,
    epoch: int | None = None,
) -> Run:
    """Claim a run for this process and resume it with its own account.

    Args:
        session: Drives the run.
        before: The run, as it was before the claim.
        allowed: Further places outside its folder that its flow may name.
        force: Take it from a process that is, or may be, alive.
        stop: The reason to stop it cleanly; "" to continue it.
        prepare: Called with the claim before anything else.
        epoch: The epoch that the run must still have; None for any.

    Raises:
        Fenced: The run has another epoch.
        RunHeld: Another process has the run.
        WrongAccount: The credentials of this process are another agent's; the run is left as it was.
        AccountInUse: Another run streams as its agent; the run is left as it was.
        Damaged: The run cannot be read, or does not fit its flow; it is left as it was.
    """
    run = before.run.id
    before = on_this_host(before, session.settings)
    flow = _readable(before)
    streams = flow if not (stop and before.run.phase is Phase.PENDING) else None  # it never begins
    with accounts.lock_of(before.run, session.settings) as lock:
        identity = await _account(before, flow, session.settings, stop)
        if streams is not None:
            _hold(lock, streams, identity, run, force=force)
        account = accounts.shared_account(streams, identity, before.run.rehearsal)
        claim = session.runs.claim(run, this_process(), force=force, account=account, epoch=epoch)
        with let_go(claim):
            prepare(claim)
            # Read again: its last process may have written until the claim.
            stored = on_this_host(session.runs.load(run), session.settings)
            if flow is None or stored.flow_text != before.flow_text:
                flow = flow_of(parse(stored.flow_text))
            flow = replace(flow, sources=flow.sources.allowing(allowed))
            flow, kept = _with_secrets(flow, stored, ending=bool(stop))
            if force:
                await accounts.take_over(lock, flow, identity, run)
            if _show_end(session.runs, run, session.view):  # its process died after the end was written
                if stored.run.rehearsal:
                    from retake_flow.wiring import rehearsing

                    rehearsing.forget(Path(stored.run.rehearsal))
                claim.release()
                return stored.run
            stored = replace(stored, run=replace(kept, identity=identity))
            return await session.go_on(flow, stored, claim, lock, stop)


def _show_end(runs: Runs, run: str, view: View) -> bool:
    """Pass the journal to a view, and return whether the end of the run is in it."""
    last = ""
    for _, record in runs.journal(run):
        view.earlier(record)
        last = record["event"] if not record["event"].startswith("notice_") else last
    return last == "run_ended"


async def _account(stored: Stored, flow: Flow | None, settings: Settings, stop: str) -> Identity:
    """The account with which a run resumes. A run that ends and has no undo pending needs none."""
    try:
        return await accounts.check_identity(stored, flow, settings)
    except CredentialsError:
        if stop and not (stored.run.undos or stored.run.undoing):
            return stored.run.identity
        raise


def _readable(stored: Stored) -> Flow | None:
    """The flow of a run; None when it cannot be read, which is reported once the run is claimed."""
    try:
        flow = flow_of(parse(stored.flow_text))
    except RetakeFlowError:
        return None
    if places := _missing_places(stored.run, flow):
        raise Damaged(f"the run {stored.run.id} is damaged: its flow has no {places[0]!r}")
    return flow


def _hold(lock: AccountLock, flow: Flow, identity: Identity, run: str, *, force: bool) -> None:
    """Hold the account of a run before it is claimed: a claim would fence a process that is alive."""
    try:
        accounts.hold(lock, flow, identity)
    except AccountInUse as error:
        if error.run != run or error.store:
            raise
        if not force:
            raise RunHeld(run, host=error.host, pid=error.pid) from None


def _with_secrets(flow: Flow, stored: Stored, *, ending: bool) -> tuple[Flow, Run]:
    """A flow and its run with the inputs from variables and files, which a run that has to end can do without."""
    try:
        flow = with_provided_inputs(flow, variables(), stored.flow_file)
        return flow, with_secrets(stored.run, flow)
    except InputError:
        if ending:
            return flow, stored.run
        raise


def _missing_places(run: Run, flow: Flow) -> list[str]:
    """The places of a run that are missing from its original flow, which means that its snapshot is damaged."""
    states = [run.state, *run.locals, *run.history, *run.history.values(), *(gate.place for gate in run.gates.values())]
    states += [place for place, _ in (*run.timers, *run.delayed)]
    states += [place for undo in (*run.undos, *run.undoing) for place in (undo.scope, undo.state)]
    found = [place for place in states if place and place.partition(":")[0] not in flow.states]
    return found + [key for key in run.activities if key not in {activity.key for activity in flow.activities()}]
