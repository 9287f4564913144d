"""How soon a comment reaches the responder, by real-time events and by asking, and what a burst and a crowd cost.

Everything is real but the studio: the rehearsed platform over HTTP and Socket.IO, the engine, and the store with full
sync.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import psutil
from measure import add_quick, show

from retake_flow.actions.agent_session import Access
from retake_flow.actions.chat.actions import ChatActions
from retake_flow.actions.performer import Performer
from retake_flow.actions.registry import CATALOGUE
from retake_flow.api import credentials
from retake_flow.api.client import RetakeClient
from retake_flow.api.credentials import Credentials
from retake_flow.api.realtime import open_realtime
from retake_flow.clock import SystemClock
from retake_flow.engine.core.machine import Machine
from retake_flow.engine.driver.runner import Runner
from retake_flow.flow.load.load import load
from retake_flow.ports.responders import Answer, Batch
from retake_flow.redact import Secret
from retake_flow.rehearsal.server import serve
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.run.run import Run
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs

FLOW = b"""\
flow: chat
initial: talk
states:
  talk:
    activities:
      chat: {do: chat.respond, every: 3s, quiet: 8s, with: {since: 0, responder: {command: [brain]}}}
    transitions: {stop: over}
  over: {final: completed}
"""
OWL = PreparedAgent("owl", Secret("rtk_benchmark_owl_1"), "user_owl")


class Listener:
    """A responder that has nothing to say, and knows when it heard of what."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}
        self.twice = 0
        self._news = asyncio.Event()

    @asynccontextmanager
    async def opened(self, *about: object) -> AsyncIterator[Listener]:
        yield self

    async def respond(self, batch: Batch) -> Answer:
        for message in batch.messages:
            self.twice += message.text in self.heard
            self.heard[message.text] = time.monotonic()
        self._news.set()
        return Answer()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def chatting(folder: Path, live: bool) -> AsyncIterator[tuple[Platform, Listener, Runner]]:
    """A run that reads the chat of a rehearsed agent."""
    flow = load(FLOW, "chat.yaml").flow
    assert flow is not None
    async with serve(Options(agents=(OWL,), viewers=(), realtime=live), folder) as server:
        owl = server.platform.agents.by_id(OWL.user_id)
        server.platform.start(owl)

        def client(token: Secret | None, issued_by: str) -> RetakeClient:
            return RetakeClient(server.address, token, issued_by=issued_by)

        known = Credentials(OWL.token, agent_name=OWL.name, user_db_id=OWL.user_id, issued_by=server.address)
        credentials.save(folder / "credentials.json", known)
        access = Access(folder / "credentials.json", None, server.address, client)
        listener = Listener()
        hears = partial(open_realtime, server.address) if live else None
        chat = ChatActions(access, lambda line: None, time.time, {"command": listener.opened}, hears)
        runs = open_runs(str(folder / "runs.sqlite"))
        run = Run("benchmark", flow.name, flow.digest, {})
        text = flow.sources.dump()
        claim = runs.create(run, agent="owl", flow_file="chat.yaml", flow_text=text, holder=this_process())
        runner = Runner(
            Machine(flow, CATALOGUE),
            run,
            catalogue=CATALOGUE,
            actions=Performer(chat),
            store=claim,
            clock=SystemClock(),
        )
        driving = asyncio.create_task(runner.drive())
        try:
            yield server.platform, listener, runner
        finally:
            runner.stop()
            await driving
            await access.close()
            runs.close()


def says(platform: Platform, name: str, text: str) -> float:
    """A viewer writes; gives the time."""
    platform.viewers.perform(platform.agents.by_id(OWL.user_id), Cue(0.0, name, text=text))
    return time.monotonic()


async def reactions(folder: Path, live: bool, comments: int) -> list[float]:
    """Seconds from each comment to the responder; they come at times left to chance."""
    dice = Random(1)
    async with chatting(folder, live) as (platform, listener, _):
        says(platform, "first", "first")
        await listener.has(1)
        await asyncio.sleep(3.0)
        written = {}
        for number in range(comments):
            text = f"comment {number}"
            written[text] = says(platform, f"viewer {number % 10}", text)
            await asyncio.sleep(dice.uniform(0.2, 1.8))
        await listener.has(comments + 1)
    assert not listener.twice
    return [listener.heard[text] - at for text, at in written.items()]


async def burst(folder: Path, live: bool, comments: int) -> float:
    """Seconds until the responder has heard of many comments that come at once."""
    async with chatting(folder, live) as (platform, listener, _):
        says(platform, "first", "first")
        await listener.has(1)
        await asyncio.sleep(3.0)
        began = time.monotonic()
        for number in range(comments):
            says(platform, f"viewer {number % 50}", f"comment {number}")
        await listener.has(comments + 1)
        assert not listener.twice
        return time.monotonic() - began


async def crowd(folder: Path, viewers: int) -> tuple[float, float, float]:
    """KiB that the memory takes after so many newcomers, milliseconds of processor time each, MiB that were needed."""
    process = psutil.Process()
    async with chatting(folder, True) as (platform, listener, runner):
        says(platform, "first", "first")
        await listener.has(1)
        memory, used = process.memory_info().rss, sum(process.cpu_times()[:2])
        for number in range(viewers):
            says(platform, f"viewer {number}", f"what does viewer {number} see there?")
            if number % 50 == 49:
                await listener.has(number - 100)
        await listener.has(viewers + 1)
        used = sum(process.cpu_times()[:2]) - used
        grown = process.memory_info().rss - memory
        await asyncio.sleep(0.5)
        kept = len(json.dumps(runner.run.memory))
    return kept / 1024, used / viewers * 1000, grown / 2**20


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comments", type=int, default=30)
    parser.add_argument("--burst", type=int, default=500)
    parser.add_argument("--crowd", type=int, default=5_000)
    add_quick(parser)
    given = parser.parse_args(arguments)
    if given.quick:
        given.comments, given.burst, given.crowd = 1, 5, 5

    def at(name: str) -> Path:
        return Path(folder) / name

    with tempfile.TemporaryDirectory() as folder:
        heard = asyncio.run(reactions(at("heard"), True, given.comments))
        asked = asyncio.run(reactions(at("asked"), False, given.comments))
        live, polled = (asyncio.run(burst(at(f"burst-{way}"), way, given.burst)) for way in (True, False))
        kept, cost, grown = asyncio.run(crowd(at("crowd"), given.crowd))
    medians = statistics.median(heard), statistics.median(asked)
    rows = [
        ("comment to responder, real time", f"{medians[0] * 1000:.0f} ms", ""),
        ("comment to responder, asked for", f"{medians[1] * 1000:.0f} ms", f"{medians[1] / medians[0]:.0f} ×"),
        (f"{given.burst} at once, real time", f"{live:.2f} s", f"{given.burst / live:.0f} a second"),
        (f"{given.burst} at once, asked for", f"{polled:.2f} s", f"{given.burst / polled:.0f} a second"),
        (f"{given.crowd} viewers: what is kept", f"{kept:.0f} KiB", ""),
        (f"{given.crowd} viewers: processor, platform included", f"{cost:.1f} ms each", f"{grown:.0f} MiB"),
    ]
    figures = {"realtime": medians[0], "polling": medians[1], "burst": [live, polled], "kibibytes": kept, "cost": cost}
    show("chat", rows, figures)


if __name__ == "__main__":
    main(sys.argv[1:])
