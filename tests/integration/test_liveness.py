"""Real streams of one agent: the second, and one that comes back, are looked at when they are due."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from flow_processes import Home, RetakeTv, Running, at_home, encoder, retake_tv, waited, write_credentials

from retake_flow.actions.lag import LagFile
from retake_flow.actions.liveness import Liveness, watch_announcements
from retake_flow.api.realtime import open_realtime
from retake_flow.ports.responders import EventListener
from retake_flow.redact import Secret
from retake_flow.rehearsal.server import serve
from retake_flow.rehearsal.setup.options import Options, PreparedAgent
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.platform import Platform

pytestmark = pytest.mark.real

TOKEN = "rtk_liveness_that_nobody_may_see_01"
ON_AIR = "broadcast/pushing/on_air"
#: So long that a client at the guide's pace has looked twice in vain before.
LAG = 12.0


@pytest.fixture
def tv(tmp_path: Path) -> Iterator[RetakeTv]:
    """A retake.tv that takes its time."""
    owl = {"name": "Owl", "token": TOKEN, "user_id": "user_owl"}
    with retake_tv(tmp_path / "tv", {"agents": [owl], "viewers": [], "lag": LAG}) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, tv: RetakeTv) -> Iterator[Home]:
    """The owl's home."""
    credentials = tmp_path / "home" / "owl.json"
    write_credentials(credentials, "Owl", TOKEN, tv.address)
    with at_home(tmp_path / "home", RETAKE_API_URL=tv.address, RETAKE_CREDENTIALS=str(credentials)) as made:
        yield made


def first_looks(tv: RetakeTv) -> list[float]:
    """When each push was looked at first, in seconds after its first frame."""
    report = tv.report()
    looks = [call["t"] for call in report["timeline"] if call["path"].endswith("/stream/status")]
    pushes = [push["first_video"] for push in report["recordings"]]
    return [next(at for at in looks if at > began) - began for began in pushes]


def signed_off(running: Running) -> None:
    """End a run cleanly."""
    running.process.send_signal(signal.SIGINT)
    assert running.finish() == 130


def test_the_next_stream_knows_the_lag_of_the_last_one(tv: RetakeTv, home: Home) -> None:
    """Another process looks when the lag is over, and so does one whose encoder was killed; the pace is kept."""
    first = home.start("run", "go-live.yaml")
    measured: dict[str, Any] = first.until("activity_result", activity=f"{ON_AIR}:lag")["result"]
    signed_off(first)
    assert LAG - 4 < measured["by"] < LAG + 2
    kept = home.folder / "owl.json.lag"
    assert kept.stat().st_mode & 0o777 == 0o600
    [[after, by, source]] = json.loads(kept.read_text())["127.0.0.1"]
    assert (after, by, source) == (measured["after"], measured["by"], "uptime")

    second = home.start("run", "go-live.yaml")
    second.until("state_entered", state=ON_AIR)
    waited(lambda: len(json.loads(kept.read_text())["127.0.0.1"]) == 2, "the second lag")
    encoder(second.run).kill()
    second.until("state_entered", state=ON_AIR, visit=2)
    signed_off(second)
    at_the_guides, *when_due = first_looks(tv)
    assert at_the_guides < LAG - 2
    assert len(when_due) == 2
    assert min(when_due) > LAG - 4
    report = tv.report()
    assert report["broken_rules"] == []
    assert report["agents"][0]["status_polls"]["shortest_gap"] >= 2.9


async def started(platform: Platform, agent: Agent, overheard: Overheard) -> str:
    """Start sessions until one is heard of: a room is joined a moment after that was asked for."""
    while True:
        platform.start(agent)
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                return await overheard.happenings.get()


class Overheard:
    """A listener that lets a test see what it has heard."""

    def __init__(self, listener: EventListener) -> None:
        self.happenings: asyncio.Queue[str] = asyncio.Queue()
        self._listener = listener

    def on_connected(self) -> None:
        """All rooms are joined."""
        self.happenings.put_nowait("connected")

    def on_lost(self, reason: str) -> None:
        """No connection."""
        self.happenings.put_nowait(reason)

    def on_event(self, event: str, payload: Sequence[object]) -> None:
        """An event came."""
        self._listener.on_event(event, payload)
        if event != "joinedRoom":  # the platform's word that a room is joined, at a time of its own
            self.happenings.put_nowait(event)


def test_a_session_that_is_announced_once_there_is_video_is_heard_over_a_real_socket(tmp_path: Path) -> None:
    """The announcement of a session that has only been opened means nothing."""
    owl = PreparedAgent("Owl", Secret(TOKEN), user_id="user_owl")
    overheard: list[Overheard] = []

    async def nobody() -> bool:
        return False

    async def scene() -> tuple[bool, bool]:
        async with serve(Options(agents=(owl,), viewers=()), tmp_path / "tv") as served:
            agent = served.platform.agents.by_id("user_owl")
            liveness = Liveness(LagFile(tmp_path / "owl.json", served.address), lambda *_, **__: None)

            def hear(rooms: Callable[[], Sequence[str]], listener: EventListener) -> AbstractAsyncContextManager[None]:
                overheard.append(Overheard(listener))
                return open_realtime(served.address, rooms, overheard[0])

            with liveness.push() as push:
                async with asyncio.timeout(60), watch_announcements(push, "user_owl", nobody, tuple, hear):
                    await asyncio.sleep(0)
                    assert await overheard[0].happenings.get() == "connected"
                    assert await started(served.platform, agent, overheard[0]) == "session_started"
                    early = push.announced.is_set()
                    liveness.first_frames(push)
                    served.platform.start(agent)
                    await push.announced.wait()
            return early, push.announced.is_set()

    assert asyncio.run(scene()) == (False, True)
