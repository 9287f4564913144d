"""Later actions: imports families of actions when a run performs the first action of each, not before the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from retake_flow.addresses import is_loopback
from retake_flow.errors import SecretRefused, StudioError
from retake_flow.quick_dataclasses import dataclass
from retake_flow.settings import variables

if TYPE_CHECKING:
    from retake_flow.actions.agent_session import Access
    from retake_flow.actions.base import Family
    from retake_flow.actions.sharing import SharingActions
    from retake_flow.clock import SystemClock
    from retake_flow.flow.model import Flow
    from retake_flow.ports.responders import OpenRealtime, OpenResponder
    from retake_flow.responders.agent import Replies
    from retake_flow.run.records import Record
    from retake_flow.run.run import Run
    from retake_flow.settings import Settings
    from retake_flow.stage.feed import Feed
    from retake_flow.studio.processes.launcher import Launcher
    from retake_flow.studio.studio import Studio
    from retake_flow.studio.work_folder import WorkFolder


@dataclass(frozen=True, slots=True)
class LaterActions:
    """Makes the families, each when a run performs the first of its actions.

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
