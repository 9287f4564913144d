"""Plays the script of viewers, and the faults of streams, once a stream is live."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace

from retake_flow.rehearsal.setup.crowd import Part, cues
from retake_flow.rehearsal.setup.stream_faults import StreamFault
from retake_flow.rehearsal.setup.trolls import AGENT
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.platform import Direction, Platform


async def play_viewers(platform: Platform, script: Sequence[Part]) -> None:
    """Perform the script for each agent from the moment it first goes live, until cancelled.

    An agent that goes live again keeps its viewers: the script continues and does not begin again. Acts that fall due
    while its session is stopped do not happen, and neither do faults of streams. If the options announce a session
    once it is live, this is done each time. Further directions count from the moment they are given.
    """
    wanted: asyncio.Queue[Coroutine[None, None, None]] = asyncio.Queue()
    seen: list[Agent] = []

    def on_air(agent: Agent, at: float) -> None:
        if platform.options.session_started == "live":
            wanted.put_nowait(_announce(platform, agent, at))
        if not any(agent is known for known in seen):
            seen.append(agent)
            wanted.put_nowait(_perform(platform, agent, at, script))
            for fault in platform.faults.of_streams:
                wanted.put_nowait(_strike(platform, agent, at, fault))

    def on_direction(agent: Agent, direction: Direction) -> None:
        for each in direction:
            if isinstance(each, StreamFault):
                wanted.put_nowait(_strike(platform, agent, platform.now(), each))
        parts = [each for each in direction if not isinstance(each, StreamFault)]
        wanted.put_nowait(_perform(platform, agent, platform.now(), parts))

    platform.on_air.append(on_air)
    platform.on_direction.append(on_direction)
    try:
        async with asyncio.TaskGroup() as shows:
            while True:
                shows.create_task(await wanted.get())
    finally:
        platform.on_air.remove(on_air)
        platform.on_direction.remove(on_direction)
        while not wanted.empty():
            wanted.get_nowait().close()


async def _announce(platform: Platform, agent: Agent, live_at: float) -> None:
    """Send the event that a session has started, once it is live and if it becomes live."""
    await asyncio.sleep(max(0.0, live_at - platform.now()))
    if agent.session is not None and agent.session.live_at == live_at:
        platform.attendance.session_started(agent, agent.session)


async def _perform(platform: Platform, agent: Agent, live_at: float, script: Sequence[Part]) -> None:
    for cue in cues(script, platform.options.seed):
        await asyncio.sleep(max(0.0, live_at + cue.at - platform.now()))
        if agent.session is None:
            continue
        name, text = (text.replace(AGENT, agent.name) for text in (cue.name, cue.text))
        platform.perform(agent, replace(cue, name=name, text=text))


async def _strike(platform: Platform, agent: Agent, live_at: float, fault: StreamFault) -> None:
    await asyncio.sleep(max(0.0, live_at + fault.at - platform.now()))
    if agent.session is not None and platform.faults.take_stream(fault):
        platform.strike(agent, fault)
