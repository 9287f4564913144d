"""Running: assembles everything that one run needs."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from retake_flow.actions.chat.comments import CommentActions
from retake_flow.actions.operator import OperatorActions
from retake_flow.actions.performer import Performer
from retake_flow.actions.registry import CATALOGUE
from retake_flow.actions.retake import GuideActions, RetakeActions
from retake_flow.addresses import is_loopback
from retake_flow.api.realtime import open_realtime
from retake_flow.clock import STEP, SystemClock
from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.engine.notify import Notices
from retake_flow.flow.model import Flow
from retake_flow.ports.notices import Notifier
from retake_flow.ports.runs import Claim, Listener, Runs, Stored
from retake_flow.run.identity import Identity
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run, unique_id
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings, variables
from retake_flow.stage.feed import Feed
from retake_flow.stage.stage_settings import Pictures
from retake_flow.store.crash_points import Boundaries
from retake_flow.store.holders import this_process
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.stragglers import reaping
from retake_flow.studio.work_folder import work_folder
from retake_flow.wiring import accounts, guide
from retake_flow.wiring.accounts import AccountLock
from retake_flow.wiring.later_actions import LaterActions

_LONGEST_WORD = 40  # of an id, in characters
_REMEMBERED = 5_000  # records of the journal by which the agent recognises its own chat messages


def new_id(flow: Flow, agent: str = "", *, rehearsal: bool = False) -> str:
    """A name for a run: the flow's file, the agent, whether it is a rehearsal, and its start time."""
    file, name = _safe_part(Path(flow.file).stem) or flow.name, _safe_part(agent)
    named = [file, "" if name == file else name, "rehearsal" if rehearsal and "rehearsal" not in name else ""]
    return unique_id("-".join(filter(None, named)))


def _safe_part(text: str) -> str:
    """A text in the form allowed in a run's id."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-").lower()[:_LONGEST_WORD]


def launcher(run: str) -> Launcher:
    """A launcher whose children bear the run's id."""
    return Launcher(run, variables())


def new_run(run_id: str, flow: Flow, inputs: Mapping[str, Any], rehearsal: str = "") -> Run:
    """A run that has not started yet."""
    return Run(id=run_id, flow=flow.name, digest=flow.digest, inputs=inputs, rehearsal=rehearsal)


def store_and_claim(runs: Runs, flow: Flow, run: Run) -> Claim:
    """Store a run that has not started yet, and claim it.

    Raises:
        StoreError: The run cannot be stored.
        AccountInUse: Another run, on any host that shares the store, streams as its account.
    """
    agent = run.identity.name or str(run.inputs.get("agent_name") or "")
    file = str(Path(flow.file).resolve())
    text = flow.sources.dump()
    account = accounts.shared_account(flow, run.identity, run.rehearsal)
    return runs.create(run, agent=agent, flow_file=file, flow_text=text, holder=this_process(), account=account)


def title(run: Run, file: str) -> str:
    """The title of a run for people: its agent, the flow's file, whether it is a rehearsal, and its id."""
    parts = [run.identity.name, one_line(Path(file).name), "rehearsal" if run.rehearsal else ""]
    return f"{', '.join(filter(None, parts))} ({run.id})"


def channels(flow: Flow, settings: Settings, run: Run) -> tuple[Notifier, ...]:
    """The channels for a run's notices: those in the settings and in its flow.

    A rehearsal notifies nobody beyond this machine.

    Raises:
        SettingsError: An address cannot be used.
    """
    addresses = [*settings.notify, *flow.notify]
    if not addresses:
        return ()
    from retake_flow.notices.apprise import host, notifiers

    if run.rehearsal:
        addresses = [address for address in addresses if is_loopback(host(address))]
    return notifiers(addresses)


def clock_of(stored: Stored) -> SystemClock:
    """The clock of a run that this process drives from now on; it continues from the last written time.

    If the wall clock was set back since, the run's time does not follow it.
    """
    back = stored.updated - time.time()
    return SystemClock(stored.run.ahead + (back if back >= STEP else 0.0))


@asynccontextmanager
async def runner(
    flow: Flow,
    run: Run,
    claim: Claim,
    lock: AccountLock,
    settings: Settings,
    listeners: Sequence[Listener],
    told: Sequence[Notifier],
    *,
    clock: SystemClock,
    folder: Path,
    wait: bool,
    journal: Callable[[int | None], Iterable[Record]] = lambda last: (),
) -> AsyncIterator[Runner]:
    """A runner with everything it needs. Its connections and temporary files are gone when the context is left.

    Args:
        flow: The flow as it was when the run started.
        run: The run as it was last written.
        claim: The right to write it.
        lock: The lock of the account that it acts as.
        settings: The settings of this process, or of its rehearsal.
        listeners: Receive every record.
        told: The channels for the run's notices.
        clock: The clock of the run; see `clock_of`.
        folder: Where the operator's own programs run.
        wait: Whether to stay while the run only waits for a person.
        journal: Returns the records so far, or the last so many of them: unsent notices are sent, and the agent
            recognises its own messages.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(reaping())
        starts = launcher(run.id)
        work = stack.enter_context(work_folder())
        name = run.identity.name or str(run.inputs.get("agent_name") or "")
        feed = Feed(name, Pictures(Path(flow.file).parent), partial(journal, _REMEMBERED))

        def learnt(identity: Identity) -> None:
            accounts.hold(lock, flow, identity)
            claim.hold(accounts.shared_account(flow, identity, run.rehearsal))
            made.learn(identity)
            notices.title = title(made.run, flow.file)

        def note(event: str, **fields: Any) -> None:
            made.note(event, **fields)

        realtime = partial(open_realtime, settings.origin)
        access = accounts.access(settings, run.identity, learnt, note, realtime)
        stack.push_async_callback(access.close)
        if run.phase is Phase.RUNNING:
            access.keep_pace()

        seen = None
        if run.rehearsal:
            from retake_flow.wiring import rehearsing

            seen = await stack.enter_async_context(rehearsing.scene_reporter(settings.origin))

        records = partial(journal, _REMEMBERED)
        later = LaterActions(
            run, flow, settings, access, realtime, starts, work, folder, feed, clock, note, records, seen
        )
        actions = Performer(
            OperatorActions(),
            RetakeActions(access, clock.now),
            GuideActions(access, flow.guide, guide.stored_guides(settings, run.rehearsal), clock.now),
            CommentActions(access, clock.now),
            later=later.by_word(),
            flow=flow,
        )
        page = f"{settings.page}/runs/{run.id}" if settings.page else ""
        notices = Notices(told, clock=clock, note=note, title=title(run, flow.file), page=page)
        stack.push_async_callback(notices.close)
        made = Runner(
            Machine(flow, CATALOGUE),
            run,
            catalogue=CATALOGUE,
            actions=actions,
            store=Boundaries(claim, settings.die_at) if settings.die_at else claim,
            clock=clock,
            listeners=[*listeners, notices, feed],
            inbox=claim,
            wait=wait,
        )
        notices.resend_missed(journal(None) if told else (), run.gates)
        yield made
