"""The state that a rehearsal keeps on disk, so that it can resume however its process ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retake_flow import private_file
from retake_flow.rehearsal.setup.options import Neighbour, Options, PreparedAgent
from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.platform import Platform


def next_part(platform: Platform) -> Options:
    """The options of a platform that continues this one: its agents, posts, remaining faults and settings.

    Keys, sessions and chat are not included: a stream is over when its platform ends.
    """
    return replace(
        platform.options,
        part=platform.options.part + 1,
        agents=tuple(_prepared_agent(agent) for agent in platform.agents if not agent.neighbour),
        neighbours=tuple(_neighbour(platform, neighbour) for neighbour in platform.options.neighbours),
        tweets=platform.verification.tweets,
        faults=platform.faults.remaining,
    )


class StateFile:
    """Keeps the next part's options in a file, and the report of this part.

    Args:
        file: The options file, readable by its owner alone.
    """

    def __init__(self, platform: Platform, file: Path, report: Callable[[], None]) -> None:
        self._platform = platform
        self._file = file
        self._report = report
        self._kept = ""
        self._reported = False
        self._milestones: tuple[int, ...] = ()

    def save(self) -> None:
        """Write the changes.

        Raises:
            OSError: They cannot be written.
        """
        text = json.dumps(next_part(self._platform).as_json(), indent=1)
        if text != self._kept or not self._file.exists():
            private_file.replace(self._file, text.encode())
            self._kept = text
        milestones = _milestones(self._platform)
        if milestones != self._milestones:
            self._report()
            self._milestones = milestones

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Wrap an app so that it writes the changes of a call before it answers."""

        async def keeping_app(scope: Scope, receive: Receive, send: Send) -> None:
            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self.keep_if_possible()
                await send(message)

            try:
                await app(scope, receive, answer)
            finally:
                self.keep_if_possible()  # a call whose connection is dropped may have done its work

        return keeping_app

    def keep_if_possible(self) -> None:
        """Write the changes; if that fails the rehearsal continues, but its next part may know less."""
        try:
            self.save()
            self._reported = False
        except OSError as error:
            if not self._reported:
                logging.getLogger(__name__).warning(
                    "the rehearsal cannot be kept in %s: %s", self._file, error.strerror
                )
            self._reported = True


def _prepared_agent(agent: Agent) -> PreparedAgent:
    return PreparedAgent(
        name=agent.name,
        token=agent.token,
        user_id=agent.user_id,
        verified=agent.verified,
        agent_id=agent.agent_id,
        description=agent.profile.description,
        image_url=agent.profile.image_url,
        wallet_address=agent.profile.wallet_address,
        ticker=agent.profile.ticker,
        code=agent.code,
        token_address=agent.token_address,
        spent_keys=(*agent.spent_keys, *(key.value for key in agent.keys if key.pushes)),
    )


def _neighbour(platform: Platform, neighbour: Neighbour) -> Neighbour:
    """A neighbour with its generated fields."""
    agent = platform.agents.by_name(neighbour.name)
    if agent is None or not agent.neighbour:
        return neighbour
    return replace(
        neighbour,
        user_id=agent.user_id,
        agent_id=agent.agent_id,
        wallet_address=agent.person.wallet_address,
        token_address=agent.token_address,
    )


def _milestones(platform: Platform) -> tuple[int, ...]:
    """Counts that a report should not lose; calls and chat change too often to be written each time."""
    sessions = [session for agent in platform.agents for session in agent.sessions]
    return (
        len(platform.agents),
        sum(len(agent.keys) for agent in platform.agents),
        len(sessions),
        sum(session.ended_at is not None for session in sessions),
        sum(len(agent.thumbnails) for agent in platform.agents),
        len(platform.publications),
        len(platform.breaches),
    )
