"""Plays the script of viewers, and the faults of streams, once a stream is live."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace

from retake_flow.rehearsal.setup.faults import StreamFault
from retake_flow.rehearsal.setup.viewer_script import AGENT, Part, Reaction, cues
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.platform import Direction, Platform


async def play_viewers(platform: Platform, script: Sequence[Part]) -> None:
    """Perform the script for each agent from the moment it first goes live, until cancelled.

    An agent that goes live again keeps its viewers: the script continues and does not begin again. Acts that fall due
    while its session is stopped do not happen, and neither do faults of streams. If the options announce a session
    once it is live, this is done each time. Viewers react each time that a scene comes on. Further directions count
    from the moment they are given.
    """
    audience = _Audience(platform, script)
    platform.audience = audience
    try:
        await audience.play()
    finally:
        platform.audience = None
        audience.close()


class _Audience:
    """Acts of viewers, in step with the platform's streams."""

    def __init__(self, platform: Platform, script: Sequence[Part]) -> None:
        self._platform = platform
        self._script = script
        self._reactions = _reactions(script)
        self._seen: list[Agent] = []
        self._wanted: asyncio.Queue[Coroutine[None, None, None]] = asyncio.Queue()

    async def play(self) -> None:
        async with asyncio.TaskGroup() as shows:
            while True:
                shows.create_task(await self._wanted.get())

    def close(self) -> None:
        while not self._wanted.empty():
            self._wanted.get_nowait().close()

    def on_air(self, agent: Agent, at: float) -> None:
        if self._platform.options.session_started == "live":
            self._wanted.put_nowait(_announce(self._platform, agent, at))
        if not any(agent is known for known in self._seen):
            self._seen.append(agent)
            self._wanted.put_nowait(_perform(self._platform, agent, at, self._script))
            for fault in self._platform.faults.of_streams:
                self._wanted.put_nowait(_strike(self._platform, agent, at, fault))

    def on_direction(self, agent: Agent, direction: Direction) -> None:
        now = self._platform.now()
        for each in direction:
            if isinstance(each, StreamFault):
                self._wanted.put_nowait(_strike(self._platform, agent, now, each))
        parts = [each for each in direction if not isinstance(each, StreamFault)]
        self._reactions += _reactions(parts)
        self._wanted.put_nowait(_perform(self._platform, agent, now, parts))

    def on_scene(self, agent: Agent) -> None:
        cues = [each.cue for each in self._reactions if each.scene == agent.scene]
        self._wanted.put_nowait(_perform(self._platform, agent, self._platform.now(), cues, agent.scene))


def _reactions(script: Sequence[Part]) -> list[Reaction]:
    return [part for part in script if isinstance(part, Reaction)]


async def _announce(platform: Platform, agent: Agent, live_at: float) -> None:
    """Send the event that a session has started, once it is live and if it becomes live."""
    await asyncio.sleep(max(0.0, live_at - platform.now()))
    if agent.session is not None and agent.session.live_at == live_at:
        platform.viewers.session_started(agent, agent.session)


async def _perform(
    platform: Platform, agent: Agent, live_at: float, script: Sequence[Part], scene: str | None = None
) -> None:
    """Perform a script, counted from a time; only while viewers see `scene` if one is given."""
    for cue in cues(script, platform.options.seed):
        await asyncio.sleep(max(0.0, live_at + cue.at - platform.now()))
        if agent.session is None or scene not in (None, agent.scene):
            continue
        name, text = (text.replace(AGENT, agent.name) for text in (cue.name, cue.text))
        platform.viewers.perform(agent, replace(cue, name=name, text=text))


async def _strike(platform: Platform, agent: Agent, live_at: float, fault: StreamFault) -> None:
    await asyncio.sleep(max(0.0, live_at + fault.at - platform.now()))
    if agent.session is not None and platform.faults.take_stream(fault):
        platform.strike(agent, fault)
