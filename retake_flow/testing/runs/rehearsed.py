"""One run of a flow against a rehearsed platform, in virtual time: from its start to its end, or as far as it gets.

Engine, actions, API client and platform are real; only the studio and the network are fakes. The same set-up gives
the same journal each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from retake_flow import plain_file
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
from retake_flow.addresses import RETAKE
from retake_flow.api import credentials, own_request
from retake_flow.api.client import RetakeClient
from retake_flow.api.credentials import Credentials
from retake_flow.api.guides import Guides
from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.engine.notify import Notices
from retake_flow.errors import UsageError
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import Problems, errors
from retake_flow.flow.load.inputs import resolve
from retake_flow.flow.load.load import load, load_stored
from retake_flow.flow.model import Flow
from retake_flow.flow.text import locate
from retake_flow.flow.text.bundle import parse
from retake_flow.flow.text.locate import Folders
from retake_flow.ports.responders import OpenRealtime, OpenResponder
from retake_flow.ports.runs import Claim, Holder, Runs
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.faults import AnyFault
from retake_flow.rehearsal.setup.options import Options, OwnAnswer, PreparedAgent
from retake_flow.rehearsal.state import report
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.rehearsal.viewers import play_viewers
from retake_flow.responders import agent
from retake_flow.run.records import Record
from retake_flow.run.run import Phase, Run
from retake_flow.stage.feed import Feed
from retake_flow.stage.stage_settings import Pictures
from retake_flow.store.crash_points import Boundaries
from retake_flow.store.memory import MemoryRuns
from retake_flow.testing.fakes.network import FakeRealtime, Network
from retake_flow.testing.fakes.services import FakeResponder, Moltbook, RecordingNotifier, standing_in
from retake_flow.testing.fakes.studio import FakeStudio
from retake_flow.testing.fakes.studio_programs import Trouble
from retake_flow.testing.runs.interventions import RUN, Intervention, Prompter, Scene, entering
from retake_flow.testing.runs.trial import machine_of
from retake_flow.whatif import virtual_time
from retake_flow.whatif.virtual_time import VirtualClock
from retake_flow.wiring.rehearsing import RehearsedPrograms, sender

AGENT = PreparedAgent("night-owl", Secret("rtk_rehearsed_night_owl"), "user_owl")


def _memory(now: Callable[[], float]) -> Runs:
    # No holder is alive: a process that ended is gone, and there is never a second one.
    return MemoryRuns(alive=lambda holder: False, now=now)


class TookTooLong(AssertionError):
    """The run did not end within its time limit."""


def open_flow(name: str, within: Folders | None = None) -> Flow:
    """A flow by its path or shipped name, read and checked.

    Args:
        name: The path or name.
        within: The folder that it must be in; None for anywhere.

    Raises:
        Problems: The flow has mistakes.
        UsageError: There is no such flow, or it may not be opened.
    """
    path = locate.find(name)
    if within is not None:
        within.require(path)
    try:
        content = plain_file.read(path)
    except OSError as error:
        raise UsageError(f"{name!r} cannot be read: {error.strerror}") from None
    loaded = load(content, str(path), allowed=within.allowed if within is not None else ())
    problems = errors(check(loaded, CATALOGUE))
    if problems or loaded.flow is None:
        raise Problems(problems)
    return loaded.flow


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A run that is over, or as far as it got.

    Attributes:
        flow: The flow of the run.
        run: The run as it ended, or as it was stored last.
        journal: All its records.
        report: The platform's report.
        studio: The studio as the run left it.
        platform: The platform as the run left it.
        network: The network, with the calls to other hosts.
        left: The names of asynchronous tasks that the run left behind.
        writes: The number of writes to the store by each process that drove it.
        refused: The messages to those whose answers were refused.
    """

    flow: Flow
    run: Run
    journal: tuple[Record, ...]
    report: dict[str, Any]
    studio: FakeStudio
    platform: Platform
    network: Network
    left: tuple[str, ...]
    writes: tuple[int, ...]
    refused: tuple[str, ...]

    def records(self, event: str, **fields: object) -> list[Record]:
        """The records of one kind, with these values."""
        return [r for r in self.journal if r["event"] == event and fields.items() <= r.items()]

    @property
    def last(self) -> Record:
        """The last record about the run itself, rather than about a notice."""
        return [record for record in self.journal if not record["event"].startswith("notice_")][-1]

    @property
    def agent(self) -> dict[str, Any]:
        """The report about the first agent."""
        agent: dict[str, Any] = self.report["agents"][0]
        return agent


@dataclass(slots=True)
class Rehearsal:
    """The set-up of a run; `play` runs it.

    Attributes:
        flow: Any flow.
        folder: The folder for its files: credentials, guides, pictures.
        inputs: As on the command line.
        options: The options of the platform; there are no viewers by default.
        troubles: The faults of the studio.
        interventions: The interventions from outside.
        channels: The channels for notices.
        comebacks: When another process resumes the run, each counted from the end of the process before it; after
            the last one, the run stays as it is.
        die_at: The boundary of the journal at which a process dies: `7-` is before its seventh write, `7+` after it.
        dies: The number of that process, from 1.
        store: Makes the store.
        token: The token in the environment.
        responders: The responders; no program starts and no service is asked: a silent fake takes their place.
        variables: The environment that requests of the flow read.
        own: The answers of the flow's programs and requests, as in the option of that name.
        programs: The programs of the flow; none starts, and one without an answer succeeds at once.
        moltbook: The community where streams are shared; None if there is no key for it.
        within: Virtual seconds after which the run counts as endless.
        machine: Makes the machine of a flow.
    """

    flow: Flow
    folder: Path
    inputs: dict[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=lambda: Options(agents=(AGENT,), viewers=(), seed=1))
    troubles: list[Trouble] = field(default_factory=list)
    interventions: list[Intervention] = field(default_factory=list)
    channels: list[RecordingNotifier] = field(default_factory=list)
    comebacks: list[float] = field(default_factory=list)
    die_at: str = ""
    dies: int = 1
    store: Callable[[Callable[[], float]], Runs] = _memory
    token: Secret | None = None
    responders: dict[str, OpenResponder] = field(default_factory=lambda: standing_in(FakeResponder()))
    variables: dict[str, str] = field(default_factory=dict)
    own: dict[str, OwnAnswer] = field(default_factory=dict)
    programs: RehearsedPrograms = field(init=False)
    moltbook: Moltbook | None = None
    within: float = 7200.0
    machine: Callable[[Flow], Machine] = machine_of

    def __post_init__(self) -> None:
        self.programs = RehearsedPrograms(self.own)

    @property
    def credentials(self) -> Path:
        """The agent's credentials file."""
        return self.folder / "retake" / "credentials.json"

    def give_credentials(self, issued_by: str = RETAKE, token: Secret = AGENT.token) -> None:
        """Write the credentials of the prepared agent."""
        agent = Credentials(token, agent_name=AGENT.name, user_db_id=AGENT.user_id, issued_by=issued_by)
        credentials.save(self.credentials, agent)

    def fault(self, fault: AnyFault) -> None:
        """Add a fault of the platform."""
        self.options = replace(self.options, faults=(*self.options.faults, fault))

    def intervene(self, state: str, after: float, do: Callable[[Scene], None], times: int = 1) -> None:
        """Add an intervention for when a state is entered, the first so many times."""
        self.interventions.append(Intervention(entering(state), after, do, times))

    def play(self) -> Rehearsed:
        """Drive the run to its end.

        Raises:
            Endless: The run does not end.
            RetakeFlowError: An input is wrong.
        """
        return virtual_time.run(self._play())

    async def _play(self) -> Rehearsed:
        clock = VirtualClock()
        platform = Platform(self.options, clock.now, Random(self.options.seed))
        network = Network(platform)
        studio = FakeStudio(platform, self.folder, tuple(replace(trouble) for trouble in self.troubles))
        runs = self.store(clock.now)
        audience = asyncio.create_task(play_viewers(platform, self.options.viewers), name="audience")
        play = _Play(self, clock, platform, network, studio, runs)
        try:
            async with asyncio.timeout(self.within):
                await play.to_the_end()
        except TimeoutError:
            raise TookTooLong(f"after {self.within:g} s the run is still in {runs.load(RUN).run.state!r}") from None
        finally:
            audience.cancel()
            await asyncio.wait([audience])
        left = tuple(sorted(task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}))
        journal = tuple(record for _, record in runs.journal(RUN))
        run = play.runner.run if play.runner.over else runs.load(RUN).run
        runs.close()
        seen = report.build(platform)
        writes, refused = tuple(play.writes), tuple(play.refused)
        return Rehearsed(self.flow, run, journal, seen, studio, platform, network, left, writes, refused)

    def access(self, network: Network, note: Callable[..., None], realtime: OpenRealtime | None = None) -> Access:
        """The agent's credentials and the client that uses them, for one process."""

        def client(token: Secret | None, issued_by: str) -> RetakeClient:
            return RetakeClient(RETAKE, token, issued_by=issued_by, transport=network)

        return Access(self.credentials, self.token, RETAKE, client, note, self.folder / "state", realtime)


class _Play:
    """The processes that drive the run, one after the other."""

    runner: Runner

    def __init__(
        self,
        rehearsal: Rehearsal,
        clock: VirtualClock,
        platform: Platform,
        network: Network,
        studio: FakeStudio,
        runs: Runs,
    ) -> None:
        self.refused: list[str] = []
        self.writes: list[int] = []
        self._rehearsal = rehearsal
        self._clock = clock
        self._platform = platform
        self._network = network
        self._studio = studio
        self._runs = runs
        self._prompter = Prompter(rehearsal.interventions, self._scene)
        self._sitting: asyncio.Task[Run] | None = None

    async def to_the_end(self) -> None:
        """Drive the run, again after each comeback."""
        flow = self._rehearsal.flow
        run = Run(RUN, flow.name, flow.digest, resolve(flow, self._rehearsal.inputs))
        text = flow.sources.dump()
        claim = self._runs.create(run, agent=AGENT.name, flow_file=flow.file, flow_text=text, holder=_holder(0))
        await self._sit(flow, run, claim)
        for wait in self._rehearsal.comebacks:
            if self.runner.over:
                return
            await asyncio.sleep(wait)
            claim = self._runs.claim(RUN, _holder(len(self.writes)))
            kept = self._runs.load(RUN)
            await self._sit(load_stored(parse(kept.flow_text)), kept.run, claim)

    async def _sit(self, flow: Flow, run: Run, claim: Claim) -> None:
        """Drive the run in one process as far as it gets."""
        rehearsal, clock = self._rehearsal, self._clock
        realtime = FakeRealtime(self._platform).open
        send = partial(own_request.send, transport=self._network)
        replies = agent.Replies()
        access = rehearsal.access(self._network, lambda *a, **fields: self.runner.note(*a, **fields), realtime)
        feed, paint = Feed(AGENT.name, Pictures(rehearsal.folder)), FirstPaint()
        if run.phase is Phase.RUNNING:
            access.keep_pace()
        die_at = rehearsal.die_at if len(self.writes) + 1 == rehearsal.dies else ""
        store = Boundaries(claim, die_at, self._die)
        notices = Notices(rehearsal.channels, clock=clock, note=lambda *a, **fields: self.runner.note(*a, **fields))
        self.runner = Runner(
            rehearsal.machine(flow),
            run,
            catalogue=CATALOGUE,
            actions=Performer(
                OperatorActions(),
                RetakeActions(access, clock.now),
                GuideActions(access, flow.guide, Guides(rehearsal.folder / "guides"), clock.now),
                SharingActions(rehearsal.moltbook.client if rehearsal.moltbook else None),
                StudioActions(self._studio, access, paint),
                ContentActions(self._studio, self._studio.screen, feed, paint, clock.now, seen=self._show_scene),
                WindowActions(self._studio.screen),
                VoiceActions(self._studio),
                CommentActions(access, clock.now),
                PublicActions(access),
                ProgramActions(rehearsal.programs, clock.now),
                RequestActions(
                    rehearsal.variables,
                    clock.now,
                    sender(rehearsal.own, send),
                ),
                ChatActions(
                    access,
                    self._studio.say,
                    clock.now,
                    {**rehearsal.responders, "agent": partial(agent.open_agent, replies, rehearsal.responders)},
                    realtime,
                    self._studio.speak,
                    lambda: (record for _, record in self._runs.journal(RUN)),
                    replies,
                ),
                flow=flow,
            ),
            store=store,
            clock=clock,
            listeners=[self._prompter, notices, feed],
            inbox=claim,
            wait=False,
        )
        notices.resend_missed((record for _, record in self._runs.journal(RUN)), run.gates)
        self._sitting = asyncio.create_task(self.runner.drive(), name="process")
        try:
            await asyncio.wait([self._sitting])
        finally:
            self._sitting.cancel()
            await asyncio.wait([self._sitting])
            await notices.close(0.0 if self._sitting.cancelled() else 10.0)
            await access.close()
            self.writes.append(store.writes)
        if not self._sitting.cancelled():
            self._sitting.result()
            claim.release()

    def _die(self) -> None:
        self._scene().crash()
        raise asyncio.CancelledError

    def _show_scene(self, scene: str) -> None:
        agent = self._platform.last_started()
        if agent is not None:
            self._platform.show_scene(agent, scene)

    def _scene(self) -> Scene:
        assert self._sitting is not None
        return Scene(self.runner, self._studio, self._platform, self._runs, self.refused, self._sitting)


def _holder(number: int) -> Holder:
    return Holder("here", number, 0.0)
