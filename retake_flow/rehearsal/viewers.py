"""Viewers who come, write and leave by a script once a stream is live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from retake_flow.rehearsal.agents import Agent
from retake_flow.rehearsal.platform import Platform
from retake_flow.rehearsal.script import Cue


async def attend(platform: Platform, script: Sequence[Cue]) -> None:
    """Perform the script for each agent from the moment it first goes live; goes on until it is cancelled.

    An agent that goes live anew after an interruption keeps its viewers: the script goes on and does not begin
    again. It ends when the agent stops its session.
    """
    airings: asyncio.Queue[tuple[Agent, float]] = asyncio.Queue()

    def on_air(agent: Agent, at: float) -> None:
        airings.put_nowait((agent, at))

    platform.on_air.append(on_air)
    seen: list[Agent] = []
    try:
        async with asyncio.TaskGroup() as shows:
            while True:
                agent, at = await airings.get()
                if not any(agent is known for known in seen):
                    seen.append(agent)
                    shows.create_task(_perform(platform, agent, at, script))
    finally:
        platform.on_air.remove(on_air)


async def _perform(platform: Platform, agent: Agent, live_at: float, script: Sequence[Cue]) -> None:
    for cue in sorted(script, key=lambda cue: cue.at):
        await asyncio.sleep(max(0.0, live_at + cue.at - platform.now()))
        if agent.session is None:
            return
        platform.perform(agent, cue)
