"""Hostile answers to real clients and to a run on air: nothing may end, stall or fill the memory.

They are packed, deep, endless, trickling and broken, with odd types in every field, odd statuses and headers, pages for
JSON, malformed frames of Socket.IO: of a platform, a web service, a model, and Moltbook. Some go to the clients as fast
as they come, the others to a run that reads and answers chat meanwhile, whose time goes faster. A block of the event
loop is reported with the last answers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import count as counting
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil
from measure import show

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.actions import ChatActions
from retake_flow.actions.chat.comments import CommentActions
from retake_flow.actions.performer import Performer
from retake_flow.actions.public import PublicActions
from retake_flow.actions.registry import CATALOGUE
from retake_flow.actions.retake import RetakeActions
from retake_flow.api import credentials
from retake_flow.api.client import RetakeClient, check_connectivity
from retake_flow.api.credentials import Credentials
from retake_flow.api.models import Registration
from retake_flow.api.moltbook import MoltbookClient
from retake_flow.api.realtime import open_realtime
from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.errors import RetakeFlowError
from retake_flow.flow.load.load import load
from retake_flow.ports.responders import Batch, Message
from retake_flow.redact import Secret
from retake_flow.responders import language_model, webhook
from retake_flow.responders.token_budget import Ledger
from retake_flow.run.run import Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

#: What is promised.
LONGEST_BLOCK: Final = 0.3  # seconds
MOST_MEMORY: Final = 150.0  # MiB
_LONGEST_STANDSTILL: Final = 10.0  # seconds without work: a slow disk is no answer's fault
_TICK: Final = 0.01  # seconds

_FASTER: Final = 20.0  # how much faster the time of the run goes
_TOGETHER: Final = 4  # calls at once, beside the run
_LAST: Final = 12  # answers that are named
_ENDS_WITHIN: Final = 150.0  # seconds
_SHARE: Final = 0.2  # of answers and of events, at least

FLOW: Final = b"""\
flow: fuzz
initial: talk
states:
  talk:
    activities:
      chat:
        do: chat.respond
        every: 3s
        quiet: 8s
        with: {since: 0, responder: {http: {url: "URL/hook"}, timeout: 5s}}
      other: {do: retake.comments, every: 10s, with: {of: somebody}}
      status: {do: retake.stream_status, every: 10s, raises: {off_air: not result.is_live}}
      sessions: {do: public.active_sessions, every: 10s}
    transitions:
      stop: over
      off_air: talk
      chat.tip: {to: talk, when: event.amount > 1000000 and event.text == event.author}
      chat.first_message: {to: talk, when: event.author == "nobody"}
  over: {final: completed}
"""
_OWNER: Final = "user_owl"


class Watch:
    """Sees how long the event loop is blocked, and how much memory is taken.

    Work counts by its seconds of the processor. Everything else, as a call that sleeps, counts by the ticks of another
    thread meanwhile: a machine that stands still stops both. Time in which the loop waits for a processor is no block.

    Attributes:
        blocks: How long each block was that broke the promise, and what was answered last.
        longest: The longest block, in seconds.
        memory: The most that was taken, in MiB.
    """

    def __init__(self, answered: Callable[[], Sequence[str]], longest: float) -> None:
        self._answered = answered
        self._longest = longest
        self._ticks = 0
        self._ended = threading.Event()
        self.blocks: list[str] = []
        self.longest = self.memory = 0.0

    async def look(self) -> None:
        """Look on until this is cancelled."""
        threading.Thread(target=self._tick, daemon=True).start()
        process, looks = psutil.Process(), 0
        try:
            while True:
                began, ticks, waited = time.thread_time(), self._ticks, _waited()
                await asyncio.sleep(_TICK)
                worked = time.thread_time() - began
                stood = (self._ticks - ticks - 1) * _TICK - (_waited() - waited)
                self.longest = max(self.longest, worked, stood)
                if worked >= self._longest or stood >= max(self._longest, _LONGEST_STANDSTILL):
                    last = ", ".join(self._answered())
                    self.blocks.append(f"the loop stood for {stood:.2f} s, with {worked:.2f} s of work; last: {last}")
                looks += 1
                if looks % 10 == 0:
                    self.memory = max(self.memory, process.memory_info().rss / 2**20)
        finally:
            self._ended.set()

    def _tick(self) -> None:
        while not self._ended.wait(_TICK):
            self._ticks += 1


def _waited() -> float:
    """For how many seconds this thread has waited for a processor."""
    return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1]) / 1e9


class Hurried:
    """A clock of a run whose time goes faster."""

    ahead = 0.0

    def __init__(self) -> None:
        self._began, self._from = time.time(), time.monotonic()

    def now(self) -> float:
        """As the protocol."""
        return self._began + (time.monotonic() - self._from) * _FASTER

    async def sleep_until(self, due: float) -> None:
        """As the protocol."""
        await asyncio.sleep(max(0.0, due - self.now()) / _FASTER)


class Server:
    """The hostile server.

    Attributes:
        url: Where it is.
        given: How many answers of each kind it has given.
        last: The last ones.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.given: Counter[str] = Counter()
        self.last: deque[str] = deque(maxlen=_LAST)
        self._process = process

    async def listen(self) -> None:
        """Take note of what it gives, for as long as it goes on."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = line.decode().strip()
            self.last.append(said)
            self.given["events" if " event " in said else "answers"] += 1

    def gave(self, count: int) -> bool:
        """Whether it gave that many, and enough of each kind, however fast the machine is."""
        return self.given.total() >= count and all(self.given[kind] >= count * _SHARE for kind in ("answers", "events"))


@asynccontextmanager
async def serving(seed: int) -> AsyncIterator[Server]:
    """A hostile server in a process of its own, so that it blocks nobody here."""
    command = (sys.executable, str(Path(__file__).with_name("hostile_server.py")), str(seed))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    server = Server(process, int(await process.stdout.readline()))
    listening = asyncio.create_task(server.listen())
    try:
        yield server
    finally:
        process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_WITHIN):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
        await listening


@asynccontextmanager
async def on_air(server: Server, folder: Path, failures: list[str]) -> AsyncIterator[tuple[Runner, asyncio.Task[Run]]]:
    """A run that reads the chat, has it answered, and looks at what the platform says; and the task that drives it."""
    loaded = load(FLOW.replace(b"URL", server.url.encode()), "fuzz.yaml")
    assert loaded.flow is not None, loaded
    flow, clock = loaded.flow, Hurried()
    known = Credentials(Secret("rtk_fuzz_owl_1"), agent_name="owl", user_db_id=_OWNER, issued_by=server.url)
    credentials.save(folder / "credentials.json", known)
    access = Access(
        folder / "credentials.json", None, server.url, lambda token, by: RetakeClient(server.url, token, issued_by=by)
    )

    def hook(said: Any, note: Callable[..., None]) -> Any:
        return webhook.open_responder({}, clock.now, None, said)

    hears = partial(open_realtime, server.url)
    chat = ChatActions(access, lambda line: None, clock.now, {"http": hook}, hears)
    runs = open_runs(str(folder / "runs.sqlite"))
    run = Run("fuzz", flow.name, flow.digest, {})
    text = flow.sources.dump()
    claim = runs.create(run, agent="owl", flow_file="fuzz.yaml", flow_text=text, holder=this_process())

    class Listener:
        def on_record(self, record: Any) -> None:
            if "defect" in str(record.get("message", "")):
                failures.append(f"{record['message']}; last: {', '.join(server.last)}")

    families = (chat, RetakeActions(access, clock.now), CommentActions(access, clock.now), PublicActions(access))
    runner = Runner(
        Machine(flow, CATALOGUE), run, catalogue=CATALOGUE, actions=Performer(*families), store=claim, clock=clock,
        listeners=[Listener()],
    )  # fmt: skip
    driving = asyncio.create_task(runner.drive())
    try:
        yield runner, driving
        if driving.done() or runner.run.phase is not Phase.RUNNING:
            failures.append(f"the run has ended: {runner.run.reason or driving}; last: {', '.join(server.last)}")
    finally:
        runner.stop()
        async with asyncio.timeout(_ENDS_WITHIN):
            await driving
        await access.close()
        runs.close()
    if runner.run.outcome != "completed":
        failures.append(f"the run did not end in order: {runner.run.outcome} ({runner.run.reason})")


@asynccontextmanager
async def clients(url: str) -> AsyncIterator[list[Callable[[], Awaitable[object]]]]:
    """Every call of every client."""
    batch = Batch((Message("m1", "mira", None, "hi", None, "message"),), "owl")
    picture, wallet = b"\x89PNG", "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"
    registration = Registration("owl", "An owl.", "https://retake.tv/owl.png", wallet, "OWL")
    said = {"http": {"url": f"{url}/hook"}, "openai": {"url": f"{url}/v1", "model": "m"}, "timeout": "5s"}
    token = Secret("rtk_fuzz_owl_1")
    async with (
        RetakeClient(url, token, issued_by=url) as one,
        MoltbookClient(token, url) as moltbook,
        webhook.open_responder({}, time.time, None, said) as hook,
        language_model.open_responder(Path(), {}, Ledger(), None, said, lambda event, **fields: None) as model,
    ):
        public = one.public
        yield [
            *(partial(one.comments, _OWNER, 100, before) for before in (None, "c1")),
            *(one.verification_status, one.prepare_verify, one.rtmp, one.start_stream, one.stream_status),
            *(one.stop_stream, one.guide_version, one.guide, partial(one.update_thumbnail, picture)),
            partial(one.register, registration),
            partial(one.verify, "https://x.com/owl/status/1"),
            partial(one.send_chat, "hi", _OWNER),
            partial(one.public.user_exists, "owl"),
            *(public.live_users, public.newest_users, public.recent_trades),
            *(partial(public.tokens, which) for which in ("top", "trending")),
            *(partial(public.sessions, which) for which in ("active", "recorded", "scheduled")),
            partial(public.most_traded, "volume"),
            *(partial(call, "u1") for call in (public.search_users, public.user, public.streamer, public.token_stats)),
            *(partial(call, "u1") for call in (public.chat, public.top_tippers)),
            partial(public.sessions, "active", "u1"),
            partial(check_connectivity, url),
            partial(moltbook.post, "On air", "Come and see.", "general"),
            partial(moltbook.verify, "v1", "5"),
            *(partial(responder.respond, batch) for responder in (hook, hook, model, model, model)),
        ]


async def calling(seed: int, server: Server, enough: Callable[[], bool], failures: list[str]) -> None:
    """Make calls until enough was given."""
    async with clients(server.url) as calls:
        order = counting()

        async def one_after_the_other() -> None:
            while not enough():
                number = next(order)
                call = Random(f"call/{seed}/{number}").choice(calls)
                try:
                    await call()
                except RetakeFlowError:
                    pass
                except Exception as raised:
                    about = f"{type(raised).__name__}: {raised}"[:200]
                    failures.append(f"{call}: {about}; last: {', '.join(server.last)}")

        await asyncio.gather(*(one_after_the_other() for _ in range(_TOGETHER)))


async def _answers(seed: int, count: int, block: float, folder: Path) -> dict[str, Any]:
    failures: list[str] = []
    began = time.monotonic()
    async with serving(seed) as server:
        watch = Watch(lambda: tuple(server.last), block)
        async with on_air(server, folder, failures) as (runner, driving):
            looking = asyncio.create_task(watch.look())
            await calling(seed, server, lambda: driving.done() or server.gave(count), failures)
            looking.cancel()
            kept = len(repr(runner.run.memory))
    failures += watch.blocks
    if watch.memory > MOST_MEMORY:
        failures.append(f"{watch.memory:.0f} MiB of memory were taken")
    figures = {"longest_block": round(watch.longest, 3), "memory_mib": round(watch.memory, 1), "kept": kept}
    return {**server.given, **figures, "seconds": round(time.monotonic() - began, 1), "failures": failures}


def answers(seed: int, count: int, block: float = LONGEST_BLOCK) -> dict[str, Any]:
    """Give so many hostile answers.

    Args:
        seed: Where chance begins.
        count: How many at least; a fifth of them and more are events, and a fifth and more are not.
        block: For how many seconds the event loop may be blocked.

    Returns:
        How many `answers` and `events` there were, `seconds`, the `longest_block` of the event loop in seconds, the
        memory in MiB, how many characters the run has kept, and the `failures`: each broken promise, with the last
        answers.
    """
    # In memory: what is measured is what answers do, and not the disk.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        return asyncio.run(_answers(seed, count, block, Path(folder)))


def main(arguments: Sequence[str]) -> int:
    """Give them and print what came of it; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--block", type=float, default=LONGEST_BLOCK)
    given = parser.parse_args(arguments)
    found = answers(given.seed, given.count, given.block)
    failures = found.pop("failures")
    show(f"hostile answers, seed {given.seed}", [(name, str(value), "") for name, value in found.items()], found)
    for failure in failures:
        print(f"seed {given.seed}: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
