"""One run of a flow against a rehearsed platform, from its start to its end, in virtual time.

Engine, actions, API client and platform are the real ones; only the studio and the network are not. The same set-up
gives the same journal each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from retake_flow.actions.access import Access
from retake_flow.actions.catalogue import CATALOGUE
from retake_flow.actions.chat import ChatActions
from retake_flow.actions.performer import Performer
from retake_flow.actions.retake import RetakeActions
from retake_flow.actions.studio import StudioActions
from retake_flow.api import credentials
from retake_flow.api.client import RetakeClient
from retake_flow.api.credentials import Credentials
from retake_flow.engine.machine import Machine
from retake_flow.engine.runner import Runner
from retake_flow.flow import library
from retake_flow.flow.check import check
from retake_flow.flow.inputs import resolve
from retake_flow.flow.load import read_bytes
from retake_flow.flow.model import Flow
from retake_flow.flow.problems import Problems
from retake_flow.redact import Secret
from retake_flow.rehearsal import report
from retake_flow.rehearsal.faults import Fault
from retake_flow.rehearsal.options import Options, PreparedAgent
from retake_flow.rehearsal.platform import Platform
from retake_flow.rehearsal.viewers import attend
from retake_flow.run.records import Record
from retake_flow.run.run import Run
from retake_flow.settings import RETAKE
from retake_flow.store.memory import MemoryStore
from retake_flow.testing import virtual_time
from retake_flow.testing.network import Network
from retake_flow.testing.studio import FakeStage, Trouble
from retake_flow.testing.virtual_time import VirtualClock

AGENT = PreparedAgent("night-owl", Secret("rtk_rehearsed_night_owl"), "user_owl")
RUN = "rehearsed"


class Endless(AssertionError):
    """The run did not end in the time it was given."""


def opened(name: str) -> Flow:
    """A flow by its path or shipped name, read and checked.

    Raises:
        Problems: It has mistakes.
        UsageError: There is none.
    """
    path = library.find(name)
    loaded = read_bytes(path.read_bytes(), str(path))
    problems = check(loaded, CATALOGUE)
    if problems or loaded.flow is None:
        raise Problems(problems)
    return loaded.flow


@dataclass(frozen=True, slots=True)
class Scene:
    """What can be laid hands on while the run goes on."""

    runner: Runner
    stage: FakeStage
    platform: Platform


@dataclass(frozen=True, slots=True)
class Intervention:
    """Something that happens `after` so many seconds in a state, the first time it is entered.

    Attributes:
        state: A state's path, or the end of it; "" is the start of the run.
    """

    state: str
    after: float
    do: Callable[[Scene], None]

    def concerns(self, record: Record) -> bool:
        """Whether a record of the journal is the one that was waited for."""
        if not self.state:
            return bool(record["event"] == "run_started")
        return record["event"] == "state_entered" and f"/{record['state']}".endswith(f"/{self.state}")


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A run that is over.

    Attributes:
        run: The run as it ended.
        journal: All its records.
        report: What the platform saw.
        stage: The studio as the run left it.
        platform: The platform as the run left it.
        network: Who else was called.
        left: The names of asynchronous tasks that the run left behind.
    """

    run: Run
    journal: tuple[Record, ...]
    report: dict[str, Any]
    stage: FakeStage
    platform: Platform
    network: Network
    left: tuple[str, ...]

    def records(self, event: str, **fields: object) -> list[Record]:
        """The records of one kind, with these values."""
        return [r for r in self.journal if r["event"] == event and fields.items() <= r.items()]

    @property
    def agent(self) -> dict[str, Any]:
        """The report about the first agent."""
        agent: dict[str, Any] = self.report["agents"][0]
        return agent


@dataclass(slots=True)
class Rehearsal:
    """A run to be: set it up, then `play` it.

    Attributes:
        flow: Any flow.
        folder: Where its files go: credentials, guides, pictures.
        inputs: As on the command line.
        options: How the platform behaves; nobody watches unless viewers are put in.
        troubles: What goes wrong in the studio.
        interventions: What happens from outside.
        token: The token in the environment.
        within: Virtual seconds after which the run counts as endless.
    """

    flow: Flow
    folder: Path
    inputs: dict[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=lambda: Options(agents=(AGENT,), viewers=(), seed=1))
    troubles: list[Trouble] = field(default_factory=list)
    interventions: list[Intervention] = field(default_factory=list)
    token: Secret | None = None
    within: float = 7200.0

    @property
    def credentials(self) -> Path:
        """The agent's credentials file."""
        return self.folder / "retake" / "credentials.json"

    def give_credentials(self, issued_by: str = RETAKE) -> None:
        """Write the credentials of the prepared agent."""
        agent = Credentials(AGENT.token, agent_name=AGENT.name, user_db_id=AGENT.user_id, issued_by=issued_by)
        credentials.save(self.credentials, agent)

    def fault(self, fault: Fault) -> None:
        """Have the platform fail."""
        self.options = replace(self.options, faults=(*self.options.faults, fault))

    def intervene(self, state: str, after: float, do: Callable[[Scene], None]) -> None:
        """Have something happen from outside."""
        self.interventions.append(Intervention(state, after, do))

    def play(self) -> Rehearsed:
        """Drive the run to its end.

        Raises:
            Endless: It has none.
            RetakeFlowError: An input is wrong.
        """
        return virtual_time.run(self._play())

    async def _play(self) -> Rehearsed:
        clock = VirtualClock()
        platform = Platform(self.options, clock.now, Random(self.options.seed))
        network = Network(platform)
        stage = FakeStage(platform, self.folder, tuple(replace(trouble) for trouble in self.troubles))
        access = self._access(network)
        store = MemoryStore()
        runner = Runner(
            Machine(self.flow),
            Run(RUN, self.flow.name, self.flow.digest, resolve(self.flow, self.inputs)),
            catalogue=CATALOGUE,
            actions=Performer(
                RetakeActions(access, self.flow.guide, self.folder / "guides", clock.now),
                StudioActions(stage, access),
                ChatActions(access, stage.say, clock.now),
            ),
            store=store,
            clock=clock,
            listeners=[_Prompter(self.interventions, lambda: Scene(runner, stage, platform))],
        )
        audience = asyncio.create_task(attend(platform, self.options.viewers), name="audience")
        try:
            run = await self._driven(runner)
        finally:
            audience.cancel()
            await asyncio.wait([audience])
            await access.close()
        left = tuple(sorted(task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}))
        return Rehearsed(run, tuple(store.journals[RUN]), report.build(platform), stage, platform, network, left)

    def _access(self, network: Network) -> Access:
        dice = Random(self.options.seed)

        def client(token: Secret | None, issued_by: str) -> RetakeClient:
            return RetakeClient(RETAKE, token, issued_by=issued_by, transport=network, rng=dice)

        return Access(self.credentials, self.token, RETAKE, client)

    async def _driven(self, runner: Runner) -> Run:
        try:
            async with asyncio.timeout(self.within):
                return await runner.drive()
        except TimeoutError:
            raise Endless(f"after {self.within:g} s the run is still in {runner.run.state!r}") from None


class _Prompter:
    """Listens to the journal and intervenes when it is time."""

    def __init__(self, interventions: list[Intervention], scene: Callable[[], Scene]) -> None:
        self._waiting = list(interventions)
        self._scene = scene

    def heard(self, record: Record) -> None:
        """Set off what this record was waited for by."""
        for due in [waiting for waiting in self._waiting if waiting.concerns(record)]:
            self._waiting.remove(due)
            asyncio.get_running_loop().call_later(due.after, due.do, self._scene())
