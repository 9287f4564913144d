"""Everything one run needs, put together."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from retake_flow.actions.chat.actions import ChatActions
from retake_flow.actions.chat.comments import CommentActions
from retake_flow.actions.operator.actions import OperatorActions
from retake_flow.actions.performer import Performer
from retake_flow.actions.public.actions import PublicActions
from retake_flow.actions.registry import CATALOGUE
from retake_flow.actions.retake.actions import RetakeActions
from retake_flow.actions.retake.guide import GuideActions
from retake_flow.actions.sharing.actions import SharingActions
from retake_flow.actions.studio.actions import StudioActions
from retake_flow.actions.voice.actions import VoiceActions
from retake_flow.api.realtime import connection
from retake_flow.clock import STEP, SystemClock
from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.engine.notify.notices import Notices
from retake_flow.errors import SecretRefused, StudioError
from retake_flow.flow.model import Flow
from retake_flow.notices.apprise import host, notifiers
from retake_flow.ports.journal import Listener
from retake_flow.ports.notices import Notifier
from retake_flow.ports.responders import OpenResponder
from retake_flow.ports.runs import Claim, Runs, Stored
from retake_flow.responders import registry
from retake_flow.responders.language_model.token_budget import Ledger
from retake_flow.responders.registry import Surroundings
from retake_flow.run.identity import Identity
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run
from retake_flow.sanitize import one_line
from retake_flow.settings import Settings, is_loopback, variables
from retake_flow.store.crash_points import Boundaries
from retake_flow.store.holders import this_process
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.reaper import reaping
from retake_flow.studio.studio import Stage
from retake_flow.studio.work_folder import work_folder
from retake_flow.wiring import accounts, guide
from retake_flow.wiring.accounts import AccountLock

_LONGEST_WORD = 40  # of an id, in characters
_REMEMBERED = 5_000  # records of the journal, from which the agent knows again what it has said in chat


def new_id(flow: Flow, agent: str = "", *, rehearsal: bool = False) -> str:
    """A name for a run: the flow's file, the agent, whether it is a rehearsal, and when it begins.

    Args:
        flow: The flow.
        agent: The agent's name; "" when nobody knows.
        rehearsal: Whether it is one.
    """
    file, name = _word(Path(flow.file).stem) or flow.name, _word(agent)
    named = [file, "" if name == file else name, "rehearsal" if rehearsal and "rehearsal" not in name else ""]
    return f"{'-'.join(filter(None, named))}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _word(text: str) -> str:
    """A text as it may stand in a run's id."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-").lower()[:_LONGEST_WORD]


def launcher(run: str) -> Launcher:
    """A launcher whose children bear the run's id."""
    return Launcher(run, variables())


def new_run(run_id: str, flow: Flow, inputs: Mapping[str, Any], rehearsal: str = "") -> Run:
    """A run that is to begin.

    Args:
        run_id: Its name.
        flow: Its flow.
        inputs: Of the flow, with defaults filled in.
        rehearsal: The folder of the rehearsal that it is for; "" when it is for the real platform.
    """
    return Run(id=run_id, flow=flow.name, digest=flow.digest, inputs=inputs, rehearsal=rehearsal)


def begun(runs: Runs, flow: Flow, run: Run) -> Claim:
    """Store a run that is to begin, and claim it.

    Raises:
        StoreError: It cannot be written.
    """
    agent = run.identity.name or str(run.inputs.get("agent_name") or "")
    file = str(Path(flow.file).resolve())
    text = flow.sources.dumped()
    return runs.create(run, agent=agent, flow_file=file, flow_text=text, holder=this_process())


def title(run: Run, file: str) -> str:
    """What people know a run by: its agent, the flow's file, whether it is a rehearsal, and its id."""
    parts = [run.identity.name, one_line(Path(file).name), "rehearsal" if run.rehearsal else ""]
    return f"{', '.join(filter(None, parts))} ({run.id})"


def channels(flow: Flow, settings: Settings, run: Run) -> tuple[Notifier, ...]:
    """Whom a run tells what it has to say: those in the settings and in its flow.

    A rehearsal tells nobody beyond this machine.

    Raises:
        SettingsError: An address cannot be used.
    """
    addresses = [*settings.notify, *flow.notify]
    if run.rehearsal:
        addresses = [address for address in addresses if is_loopback(host(address))]
    return notifiers(addresses)


def clock_of(stored: Stored) -> SystemClock:
    """The clock of a run that this process drives from now on: its time goes on from where it was written last.

    When the wall clock was set back since, the run's time does not follow it.
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
    """A runner with everything it needs; connections and temporary files are gone when it is left.

    Args:
        flow: As it was when the run began.
        run: As it was last written.
        claim: The right to write it.
        lock: Of the account that it acts as.
        settings: Of this process, or of its rehearsal.
        listeners: Hear every record.
        told: Whom the run tells what it has to say.
        clock: Of the run; see `clock_of`.
        folder: Where the operator's own programs run.
        wait: Whether to stay when the run does nothing but wait for a person.
        journal: Gives what happened so far, or the last so many records of it: what nobody was told of is told, and the
            agent knows its own words again.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(reaping())
        starts = launcher(run.id)
        stage = Stage(starts, stack.enter_context(work_folder()), settings.voice, folder, settings.voice_variables)

        def learnt(identity: Identity) -> None:
            accounts.hold(lock, flow, identity)
            made.learn(identity)
            notices.title = title(made.run, flow.file)

        def note(event: str, **fields: Any) -> None:
            made.note(event, **fields)

        hears = partial(connection.opened, settings.origin)
        access = accounts.access(settings, run.identity, learnt, note, hears)
        stack.push_async_callback(access.close)
        if run.phase is Phase.RUNNING:
            access.keep_pace()
        actions = Performer(
            OperatorActions(),
            _sharing(settings, bool(run.rehearsal) or is_loopback(urlsplit(settings.origin).hostname)),
            RetakeActions(access, clock.now),
            GuideActions(access, flow.guide, guide.kept(settings, run.rehearsal), clock.now),
            StudioActions(stage, access),
            VoiceActions(stage),
            CommentActions(access, clock.now),
            PublicActions(access),
            ChatActions(
                access,
                _beside(stage.say, note),
                clock.now,
                _answering(starts, folder, flow, settings, run, clock),
                hears,
                stage.speak,
                partial(journal, _REMEMBERED),
            ),
        )
        notices = Notices(told, clock=clock, note=note, title=title(run, flow.file))
        stack.push_async_callback(notices.close)
        made = Runner(
            Machine(flow, CATALOGUE),
            run,
            catalogue=CATALOGUE,
            actions=actions,
            store=Boundaries(claim, settings.die_at) if settings.die_at else claim,
            clock=clock,
            listeners=[*listeners, notices],
            inbox=claim,
            wait=wait,
        )
        notices.missed(journal(None) if told else (), run.gates)
        yield made


def _beside(say: Callable[[str], None], note: Callable[..., None]) -> Callable[[str], None]:
    """Show what is said in chat on stream too; chat goes on where that fails, and the failure is told once."""
    told = ""

    def show(text: str) -> None:
        nonlocal told
        try:
            say(text)
        except (StudioError, SecretRefused) as error:
            if error.message != told:
                told = error.message
                note("notice", kind="screen", message=told)
        else:
            told = ""

    return show


def _sharing(settings: Settings, rehearsed: bool) -> SharingActions:
    """The way to communities; a rehearsal tells nobody beyond this machine."""
    if rehearsed and not is_loopback(urlsplit(settings.moltbook).hostname):
        return SharingActions(None, "a rehearsal tells nobody beyond this machine")
    key = settings.moltbook_key
    if key is None:
        return SharingActions(None)
    from retake_flow.api.moltbook import MoltbookClient

    return SharingActions(partial(MoltbookClient, key, settings.moltbook))


def _answering(
    starts: Launcher, folder: Path, flow: Flow, settings: Settings, run: Run, clock: SystemClock
) -> Mapping[str, OpenResponder]:
    """Who may answer chat."""
    ledger = Ledger(settings.state_folder / "tokens" / f"{run.id}.json", clock.now)
    allowed = flow.sources.allowed
    return registry.responders(Surroundings(starts, folder, variables(), ledger, clock.now, allowed=allowed))
