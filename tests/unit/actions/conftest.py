"""What the tests of actions share: a rehearsed platform, an agent's access to it, and virtual time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.actions import ChatActions
from retake_flow.actions.chat.comments import CommentActions
from retake_flow.actions.operator import OperatorActions
from retake_flow.actions.own.request import RequestActions
from retake_flow.actions.own.run_program import ProgramActions
from retake_flow.actions.performer import Performer
from retake_flow.actions.public import PublicActions
from retake_flow.actions.registry import CATALOGUE
from retake_flow.actions.retake import GuideActions, RetakeActions
from retake_flow.actions.sharing import SharingActions
from retake_flow.actions.studio.actions import StudioActions
from retake_flow.actions.studio.content import ContentActions, FirstPaint
from retake_flow.actions.studio.windows import WindowActions
from retake_flow.actions.voice import VoiceActions
from retake_flow.addresses import API_PATH, RETAKE
from retake_flow.api import credentials, own_request
from retake_flow.api.client import RetakeClient
from retake_flow.api.credentials import Credentials
from retake_flow.api.guides import Guides
from retake_flow.ports.actions import Call, Completion
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.run.records import Record, record
from retake_flow.stage.feed import Feed
from retake_flow.stage.stage_settings import Pictures
from retake_flow.testing.fakes.network import FakeRealtime, Network
from retake_flow.testing.fakes.services import FakeResponder, Moltbook
from retake_flow.testing.fakes.studio import FakeStudio
from retake_flow.whatif.virtual_time import VirtualClock, run
from retake_flow.wiring.rehearsing import RehearsedPrograms

OWL = PreparedAgent("Night Owl", Secret("rtk_actions_owl_1"), "user_owl")


class Set(SimpleNamespace):
    """Everything an action needs: `platform`, `network`, `studio`, `access`, `performer`, `notes`."""

    async def perform(self, do: str, memory: Any = None, scope: Any = None, **inputs: Any) -> Completion:
        """Perform an action; its result and the calls that it makes are those that the catalogue declares."""
        before = len(self.calls)
        call = Call("run", "place", 1, do, inputs, memory or {}, "key", self._note, keep=self._keep, scope=scope)
        done = await self.performer.perform(call)
        for event, fields in done.notes:
            self._note(event, **fields)
        spec = CATALOGUE[do]
        assert done.outcome in spec.outcomes
        assert set(done.value) <= set(spec.result)
        made = {f"{each.method} {each.path.removeprefix(API_PATH)}" for each in islice(self.calls, before, None)}
        declared = {*spec.requests, *spec.occasional}
        made = {next((call for call in declared if _is(call, each)), each) for each in made}
        assert made <= declared
        assert self.hears or set(spec.requests) <= made  # what is heard need not be asked for
        return done

    async def verify(self, do: str, **inputs: Any) -> Completion | None:
        """Ask whether an action was done whose process died meanwhile."""
        done = await self.performer.verify(Call("run", "place", 1, do, inputs, {}, "key", self._note))
        assert done is None or set(done.value) == set(CATALOGUE[do].result)
        return done

    def dies(self) -> None:
        """The process is gone; the next one has what was written down."""
        self.performer = self.process()

    def _note(self, event: str, **fields: Any) -> None:
        self.notes.append({"event": event, **fields})
        self.journal.append(record(event, self.now(), **fields))

    def _keep(self, memory: Any, notes: Any = ()) -> None:
        self.kept = memory
        for event, fields in notes:
            self._note(event, **fields)

    @property
    def owl(self) -> Any:
        """The agent as the platform knows it."""
        return self.platform.agents.by_id("user_owl")


def _is(declared: str, made: str) -> bool:
    """Whether a call is the declared one: `:name` is a part of its path, what is in brackets may be missing."""
    pattern = re.sub(r":\w+", "<>", declared).replace("[", "(").replace("]", ")?").replace("<>", "[^/]+")
    return re.fullmatch(pattern, made) is not None


Scene = Callable[[Set], Coroutine[Any, Any, Any]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Any]:
    """Plays a scene with an agent that has credentials, in virtual time; options are the platform's."""

    def play(
        scene: Scene,
        *,
        token: str = "",
        saved: Credentials | None = None,
        guide: str = "2.1.2",
        brain: FakeResponder | None = None,
        moltbook: Moltbook | None = None,
        hears: bool = False,
        **options: Any,
    ) -> Any:
        async def main() -> Any:
            clock = VirtualClock()
            platform = Platform(Options(**{"agents": (OWL,), "seed": 5, "lag": 0.0} | options), clock.now, Random(5))
            network = Network(platform)

            def client(token: Secret | None, issued_by: str) -> RetakeClient:
                return RetakeClient(RETAKE, token, issued_by=issued_by, transport=network)

            path = tmp_path / "credentials.json"
            if saved is not None:
                credentials.save(path, saved)
            notes: list[tuple[str, dict[str, Any]]] = []
            access = Access(
                path,
                Secret(token) if token else None,
                RETAKE,
                client,
                lambda event, **fields: notes.append((event, fields)),
                tmp_path / "refuge",
            )
            studio = FakeStudio(platform, tmp_path)
            responders = {"command": brain.serve} if brain else None
            wire = FakeRealtime(platform).open if hears else None
            journal: list[Record] = []

            def process() -> Performer:
                paint = FirstPaint()
                return Performer(
                    OperatorActions(),
                    RetakeActions(access, clock.now),
                    GuideActions(access, guide, Guides(tmp_path / "guides"), clock.now),
                    SharingActions(moltbook.client if moltbook else None),
                    StudioActions(studio, access, paint),
                    ContentActions(studio, studio.screen, Feed("", Pictures(tmp_path)), paint, clock.now),
                    WindowActions(studio.screen),
                    VoiceActions(studio),
                    CommentActions(access, clock.now),
                    PublicActions(access),
                    ProgramActions(RehearsedPrograms({}), clock.now),
                    RequestActions({}, clock.now, partial(own_request.send, transport=network)),
                    ChatActions(access, studio.say, clock.now, responders, wire, journal=lambda: journal),
                )

            try:
                return await scene(
                    Set(platform=platform, network=network, studio=studio, access=access, performer=process(),
                        process=process, hears=hears, notes=notes, journal=journal, now=clock.now, path=path,
                        calls=platform.calls.calls)
                )  # fmt: skip
            finally:
                await access.close()
                assert asyncio.all_tasks() == {asyncio.current_task()}

        return run(main())

    return play


@pytest.fixture
def owl() -> Credentials:
    """The agent's credentials."""
    return Credentials(OWL.token, agent_name=OWL.name, user_db_id=OWL.user_id)
