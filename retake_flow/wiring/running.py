"""Running: assembles everything that one run needs."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from retake_flow.actions.agent_session import Access
from retake_flow.actions.base import Family
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
from retake_flow.errors import SecretRefused, StudioError
from retake_flow.flow.model import Flow
from retake_flow.ports.notices import Notifier
from retake_flow.ports.responders import OpenRealtime, OpenResponder
from retake_flow.ports.runs import Claim, Listener, Runs, Stored
from retake_flow.quick_dataclasses import dataclass
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
from retake_flow.studio.work_folder import WorkFolder, work_folder
from retake_flow.wiring import accounts, guide
from retake_flow.wiring.accounts import AccountLock

if TYPE_CHECKING:
    from retake_flow.actions.sharing import SharingActions
    from retake_flow.responders.agent import Replies
    from retake_flow.studio.studio import Studio

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
    journal: Callable[[int | None], Iterable[Record]],
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


@dataclass(frozen=True, slots=True)
class LaterActions:
    """Makes families of actions, each when a run performs the first of its actions; their modules are imported then.

    Attributes:
        run: The run as it was last written.
        flow: Its flow.
        settings: The settings of this process, or of its rehearsal.
        access: The credentials of the run.
        realtime: Opens the platform's real-time events.
        starts: Starts the programs of the run.
        work: Its temporary folder.
        folder: Where the operator's own programs run.
        feed: What its stage shows.
        clock: Its clock.
        note: Writes a record.
        records: Returns the last records.
        seen: Tells the rehearsed platform of scenes; None on the real one.
    """

    run: Run
    flow: Flow
    settings: Settings
    access: Access
    realtime: OpenRealtime
    starts: Launcher
    work: WorkFolder
    folder: Path
    feed: Feed
    clock: SystemClock
    note: Callable[..., None]
    records: Callable[[], Iterable[Record]]
    seen: Callable[[str], None] | None

    def by_word(self) -> Mapping[str, Callable[[], Iterable[Family]]]:
        """The functions that make families, by the first word of their actions' names; all share one studio."""
        studio = cache(self._open_studio)
        return {
            "studio": lambda: self._on_studio(studio()),
            "chat": lambda: self._chat(studio()),
            "program": lambda: self._programs(studio()),
            "http": self._requests,
            "public": self._public,
            "share": self._sharing,
        }

    def _open_studio(self) -> Studio:
        from retake_flow.studio.studio import Studio

        settings, flow = self.settings, self.flow
        studio = Studio(
            self.starts,
            self.work,
            settings.voice,
            self.folder,
            settings.voice_variables,
            allowed=flow.sources.allowed,
            sandbox=settings.sandbox,
        )
        studio.screen.divide({name: scene.activities for name, scene in flow.scenes.items()})
        studio.captions = lambda text: self.feed.speaks(text, self.clock.now())
        return studio

    def _on_studio(self, studio: Studio) -> Iterable[Family]:
        from retake_flow.actions.studio.actions import StudioActions
        from retake_flow.actions.studio.content import ContentActions, FirstPaint
        from retake_flow.actions.studio.windows import WindowActions
        from retake_flow.actions.voice import VoiceActions

        paint, screen = FirstPaint(), studio.screen
        yield StudioActions(studio, self.access, paint)
        yield ContentActions(
            studio, screen, self.feed, paint, self.clock.now, lambda: self.settings.stage and screen.browses, self.seen
        )
        yield WindowActions(screen)
        yield VoiceActions(studio)

    def _chat(self, studio: Studio) -> Iterable[Family]:
        from retake_flow.actions.chat.actions import ChatActions
        from retake_flow.responders.agent import Replies

        replies = Replies()
        yield ChatActions(
            self.access,
            _also_say(studio.say, self.note),
            self.clock.now,
            self._answering(replies),
            self.realtime,
            studio.speak,
            self.records,
            replies,
        )

    def _programs(self, studio: Studio) -> Iterable[Family]:
        from retake_flow.actions.own.run_program import ProgramActions, Programs
        from retake_flow.studio.own_program import OwnPrograms

        programs: Programs = OwnPrograms(self.starts, studio.screen.media)
        if self.run.rehearsal:
            from retake_flow.wiring import rehearsing

            programs = rehearsing.RehearsedPrograms(rehearsing.own_answers(Path(self.run.rehearsal)), programs)
        yield ProgramActions(programs, self.clock.now)

    def _requests(self) -> Iterable[Family]:
        from retake_flow.actions.own.request import RequestActions, Send
        from retake_flow.api import own_request

        send: Send = own_request.send
        if self.run.rehearsal:
            from retake_flow.wiring import rehearsing

            send = rehearsing.sender(rehearsing.own_answers(Path(self.run.rehearsal)))
        yield RequestActions(variables(), self.clock.now, send)

    def _public(self) -> Iterable[Family]:
        from retake_flow.actions.public import PublicActions

        yield PublicActions(self.access)

    def _sharing(self) -> Iterable[Family]:
        yield sharing(self.settings, self.run)

    def _answering(self, replies: Replies) -> Mapping[str, OpenResponder]:
        """The available responders."""
        from retake_flow.responders import registry
        from retake_flow.responders.token_budget import Ledger

        ledger = Ledger(self.settings.state_folder / "tokens" / f"{self.run.id}.json", self.clock.now)
        return registry.responders(
            registry.Surroundings(
                self.starts, self.folder, variables(), ledger, self.clock.now, None, self.flow.sources.allowed, replies
            )
        )


def sharing(settings: Settings, run: Run) -> SharingActions:
    """The actions for sharing with communities. A rehearsal posts nothing beyond this machine."""
    from retake_flow.actions.sharing import SharingActions
    from retake_flow.api.moltbook import MoltbookClient

    rehearsed = bool(run.rehearsal) or is_loopback(urlsplit(settings.origin).hostname)
    if rehearsed and not is_loopback(urlsplit(settings.moltbook).hostname):
        return SharingActions(None, "a rehearsal notifies nobody beyond this machine")
    key = settings.moltbook_key
    return SharingActions(None if key is None else partial(MoltbookClient, key, settings.moltbook))


def _also_say(say: Callable[[str], None], note: Callable[..., None]) -> Callable[[str], None]:
    """Show chat messages on stream too. If that fails, chat continues and the failure is reported once."""
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
