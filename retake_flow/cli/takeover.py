"""Taking a run over that no process drives."""

from __future__ import annotations

from pathlib import Path

from retake_flow.cli.interrupts import Interrupts
from retake_flow.cli.session import Session
from retake_flow.cli.views import View
from retake_flow.errors import InputError, RetakeFlowError
from retake_flow.flow.inputs import provided
from retake_flow.flow.load import stored as flow_of
from retake_flow.flow.model import Flow
from retake_flow.flow.sources import parsed
from retake_flow.ports.runs import Claim, Runs, Stored
from retake_flow.run.restoring import restored
from retake_flow.run.run import Run
from retake_flow.settings import variables
from retake_flow.wiring.storing import this_process


def claimed(runs: Runs, run: str, *, force: bool = False) -> Claim:
    """Claim a run for this process.

    Raises:
        RunHeld: Another process has it.
    """
    return runs.claim(run, this_process(), force=force)


async def taken_up(session: Session, run: str, claim: Claim, view: View, interrupts: Interrupts, stop: str = "") -> Run:
    """Go on with a run that was claimed, with the flow that it began with."""
    try:
        stored = session.runs.load(run)  # anew: its last process may have written until it was claimed
        flow, kept = _with_secrets(flow_of(parsed(stored.flow_text)), stored, ending=bool(stop))
    except RetakeFlowError:
        claim.release()
        raise
    last = ""
    for _, record in session.runs.journal(run):
        view.earlier(record)
        last = record["event"] if not record["event"].startswith("notice_") else last
    if last == "run_ended":  # its process died when nothing was left to do
        if stored.run.rehearsal:
            from retake_flow.wiring import rehearsing

            rehearsing.forget(Path(stored.run.rehearsal))
        claim.release()
        return stored.run
    return await session.go_on(flow, kept, claim, view, interrupts, stop)


def _with_secrets(flow: Flow, stored: Stored, *, ending: bool) -> tuple[Flow, Run]:
    """A flow and its run with the inputs that are read outside of them; a run that is to end does so without."""
    try:
        flow = provided(flow, variables(), stored.flow_file)
        return flow, restored(stored.run, flow)
    except InputError:
        if ending:
            return flow, stored.run
        raise
