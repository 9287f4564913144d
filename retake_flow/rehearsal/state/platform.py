"""The state of retake.tv in a rehearsal: one plain object, without I/O, with its clock and dice injected."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, assert_never

from retake_flow.errors import NoSession, NotFound, Rejected
from retake_flow.rehearsal.setup.faults import FaultPlan, StreamFault, Strike
from retake_flow.rehearsal.setup.options import OPEN, REFUSES, Neighbour, Options
from retake_flow.rehearsal.setup.viewer_script import Part
from retake_flow.rehearsal.state import rules
from retake_flow.rehearsal.state.agents import Agent, AgentRegistry, Verification, is_placeholder
from retake_flow.rehearsal.state.chat_log import Comment
from retake_flow.rehearsal.state.identities import Identities
from retake_flow.rehearsal.state.streams import Publication, Session, StreamKey, Thumbnail
from retake_flow.rehearsal.state.viewer_actions import Rooms, ViewerActions

# A rehearsal of many hours polls all the time; the oldest calls are dropped.
_KEPT = 20_000


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        path: The path, without query and secrets.
        agent: The name of the agent whose token came with it; empty without a valid token.
        status: The status of the answer; None as long as there is no answer.
    """

    at: float
    method: str
    path: str
    agent: str
    status: int | None = None
    fault: bool = False


class CallLog:
    """The newest calls, and the number of all calls."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self.count = 0

    def add(self, call: Call) -> None:
        """Log an incoming call."""
        self.calls.append(call)
        self.count += 1


Direction = Sequence[Part | StreamFault]
"""The coming acts of viewers and faults of a stream, with times counted from now."""


class Audience(Protocol):
    """Hears what happens to streams, in order to act in them."""

    def on_air(self, agent: Agent, at: float) -> None:
        """A session has its first frame of video, and goes live at a time."""

    def on_direction(self, agent: Agent, direction: Direction) -> None:
        """There are coming acts and faults for the stream of an agent."""

    def on_scene(self, agent: Agent) -> None:
        """Another scene of an agent is seen."""


# Enough to show that a client keeps breaking a rule.
_BREACHES_KEPT = 1_000


class Platform:
    """The rehearsed retake.tv: its state and all that it does.

    It refuses like the real platform, with the errors that a client sees: `Rejected` is its 400, `NotFound` its 404,
    `NoSession` its 409.

    Args:
        rng: The source of ids, tokens and keys.

    Attributes:
        options: May be replaced while it runs.
        now: The platform's clock, in epoch seconds.
        breaches: The rules of platform.md that clients broke, the first thousand times.
        refused_pushes: The number of pushes with an unknown or an old key.
        audience: Hears what happens to streams; None when nobody plays viewers.
    """

    def __init__(self, options: Options, now: Callable[[], float], rng: Random) -> None:
        self.options = options
        self.now: Callable[[], float] = lambda: now() + options.clock
        self.began = self.now()
        self.ingest_url = "rtmps://ingest.rehearsal.invalid:443/app"
        self._identities = Identities(rng, options.part)
        self.agents = AgentRegistry(self._identities, self.now)
        self.verification = Verification(self._identities, options.tweets)
        self.publications: list[Publication] = []
        self.breaches: list[rules.Breach] = []
        self.strikes: list[Strike] = []
        self.refused_pushes = 0
        self.faults = FaultPlan(options.faults)
        self.calls = CallLog()
        self.rooms = Rooms(self.faults, lambda: self.options.realtime is True)
        self.viewers = ViewerActions(self._identities, self.rooms, self.now, lambda: self.options)
        self.audience: Audience | None = None
        self._key_count = 0
        for prepared in options.agents:
            self.agents.prepare(prepared, options)
        for neighbour in options.neighbours:
            self._settle(neighbour)

    def verify(self, agent: Agent, tweet_url: str) -> None:
        """Verify an agent by a human's tweet.

        Raises:
            Rejected: The tweet is no proof.
        """
        if is_placeholder(tweet_url):
            self._record_breaches([rules.at_placeholder(agent, self.now())])
        self.verification.verify(agent, tweet_url)

    # --- the stream -----------------------------------------------------------------------------------------

    def issue_key(self, agent: Agent) -> StreamKey:
        """Issue a new stream key; the key before it is invalid from now on."""
        return self._new_key(agent, "a newer stream key was issued")

    @property
    def push_address(self) -> str:
        """The address that agents are given to push to."""
        return self.ingest_url if self.options.ingest in (OPEN, REFUSES) else self.options.ingest

    def start(self, agent: Agent) -> Session:
        """Start a session; an active session ends."""
        now = self.now()
        self._record_breaches(rules.at_start(agent, now))
        if agent.session is not None:
            agent.session.end(now, "start")
        # platform.md, rule 1: only a verified agent gets a token of its own.
        if agent.verified and not agent.token_address:
            agent.token_address = self._identities.address()
        session = Session(self._identities.id("session"), now, agent.newest_key, viewers=len(agent.audience))
        agent.sessions.append(session)
        if self.options.session_started == "start":
            self.viewers.session_started(agent, session)
        self._go_on_air(agent)
        return session

    def stop(self, agent: Agent) -> Session:
        """End the active session and the push.

        Raises:
            NoSession: No session is active.
        """
        session = agent.session
        if session is None:
            raise NoSession("No active stream session")
        session.end(self.now(), "stop")
        if agent.publication is not None:
            agent.publication.close("the session was stopped")
        return session

    def publish(self, key: str) -> Publication:
        """Begin a push of video with a key.

        Raises:
            Rejected: The key is not the newest of any agent, or every push is refused.
        """
        agent, issued = self._owner(key)
        issued.pushes += 1
        if issued is not agent.newest_key:
            self.refused_pushes += 1
            self._record_breaches(rules.at_old_key(agent, issued, self.now()))
            raise Rejected("the stream key is not the one issued last")
        if self.options.ingest == REFUSES:
            self.refused_pushes += 1
            raise Rejected("no push is taken now")
        if agent.publication is not None:
            agent.publication.close("another push took its place")
        push = Publication(
            len(self.publications) + 1,
            issued,
            self.now,
            first_frame=lambda: self._go_on_air(agent),
            closed=lambda: self._on_push_end(agent, issued),
        )
        agent.publication = push
        self.publications.append(push)
        self._record_breaches(rules.at_push(agent, push, self.now()))
        return push

    def is_live(self, agent: Agent) -> bool:
        """Whether video arrives on the key of the active session, and has for at least the lag."""
        session, push = agent.session, agent.publication
        if agent.neighbour:
            return session is not None
        if session is None or push is None or push.first_video_at is None or session.key is not push.key:
            return False
        now = self.now()
        return push.is_flowing and now >= max(self._live_from(session, push.first_video_at), session.offline_until)

    def shows_live(self, agent: Agent) -> bool:
        """Whether the platform reports an agent as live; faults can make this wrong."""
        was_live, until = agent.frozen
        return was_live if self.now() < until else self.is_live(agent)

    def poll_status(self, agent: Agent) -> bool:
        """Report to an agent whether it is live, and count the poll."""
        now = self.now()
        self._record_breaches(rules.at_status_poll(agent, agent.status_polls.note(now), now))
        return self.shows_live(agent)

    def set_thumbnail(self, agent: Agent, image: bytes, media_type: str, path: str = "") -> Thumbnail:
        """Accept a new thumbnail, which is kept under `path`."""
        now, session = self.now(), agent.session
        self._record_breaches(rules.at_thumbnail(agent, session, now))
        since_live = None if session is None or session.live_at is None else now - session.live_at
        thumbnail = Thumbnail(now, media_type, len(image), path, since_live)
        agent.thumbnails.append(thumbnail)
        agent.image = image
        if session is not None:
            session.thumbnails += 1
        return thumbnail

    # --- chat -----------------------------------------------------------------------------------------------

    def say(self, agent: Agent, destination: str, text: str) -> Comment:
        """Let an agent write in a chat, its own or another's.

        Raises:
            NotFound: Nobody has this userDbId.
        """
        streamer = self.agents.by_id(destination)
        if streamer is agent:
            self._record_breaches(rules.at_message(agent, agent.session, self.now()))
        return self.viewers.write(streamer, agent.person, text)

    def comments(self, user_id: str, limit: int, before_id: str | None) -> list[Comment]:
        """A page of an agent's chat, newest first.

        Raises:
            NotFound: Nobody has this userDbId, or there is no comment `before_id`.
            NoSession: No session is active.
        """
        streamer = self.agents.by_id(user_id)
        if streamer.session is None and self.options.comments_without_session != 200:
            refusal = NotFound if self.options.comments_without_session == 404 else NoSession
            raise refusal("No active stream session")
        if self.is_live(streamer):
            streamer.comment_polls.note(self.now())
        return streamer.chat.page(limit, before_id, self.options.chat_shape)

    def direct(self, agent: Agent, direction: Direction) -> None:
        """Add acts of viewers and faults of a stream, from now on."""
        for fault in direction:
            if isinstance(fault, StreamFault):
                self.faults.add(fault)
        if self.audience is not None:
            self.audience.on_direction(agent, direction)

    def last_started(self) -> Agent | None:
        """The last agent to start a session, or else the first agent; None when there is none."""
        return max(self.agents, key=_started_at, default=None)

    def show_scene(self, agent: Agent, scene: str) -> None:
        """Let an agent's viewers see a scene; "" for none."""
        if scene != agent.scene:
            agent.scene = scene
            if self.audience is not None:
                self.audience.on_scene(agent)

    def strike(self, agent: Agent, fault: StreamFault) -> None:
        """Make a fault happen to a stream now; without a session or a push, one that needs it has no effect."""
        now, push = self.now(), agent.publication
        self.strikes.append(Strike(now, agent.name, fault))
        until = float("inf") if fault.lasts is None else now + fault.lasts
        match fault.stream:
            case "frozen_status":
                agent.frozen = (self.is_live(agent), until)
            case "offline":
                if agent.session is not None:
                    agent.session.offline_until = until
            case "rotate_key":
                self._new_key(agent, "the platform rotated the stream key").rotated = True
            case "close_push":
                if push is not None:
                    push.close("the ingest closed it")
            case "stall":
                if push is not None and push.is_open:
                    push.stall(fault.lasts)
            case _:
                assert_never(fault.stream)

    # --- inside ---------------------------------------------------------------------------------------------

    def _settle(self, neighbour: Neighbour) -> None:
        agent, now = self.agents.settle(neighbour, self.options), self.now()
        if neighbour.live:
            session = Session(self._identities.id("session"), now, None, live_at=now, viewers=neighbour.viewers)
            session.title = neighbour.title
            agent.sessions.append(session)

    def _record_breaches(self, found: Sequence[rules.Breach]) -> None:
        self.breaches += found[: max(0, _BREACHES_KEPT - len(self.breaches))]

    def _new_key(self, agent: Agent, reason: str) -> StreamKey:
        if agent.publication is not None:
            agent.publication.close(reason)
        self._key_count += 1
        key = StreamKey(self._key_count, self._identities.stream_key())
        agent.keys.append(key)
        return key

    def _owner(self, key: str) -> tuple[Agent, StreamKey]:
        for agent in self.agents:
            for issued in agent.keys:
                if issued.value.reveal() == key:
                    return agent, issued
            if any(spent.reveal() == key for spent in agent.spent_keys):
                self._record_breaches([rules.at_spent_key(agent, self.now())])
        self.refused_pushes += 1
        raise Rejected("the stream key is unknown")

    def _go_on_air(self, agent: Agent) -> None:
        session, push = agent.session, agent.publication
        if session is None or session.live_at is not None or push is None or session.key is not push.key:
            return
        if push.first_video_at is None or not push.is_open:
            return
        session.live_at = self._live_from(session, push.first_video_at)
        if self.audience is not None:
            self.audience.on_air(agent, session.live_at)

    def _on_push_end(self, agent: Agent, key: StreamKey) -> None:
        """Handle the end of a push: if the lag was not over, its session was never live."""
        session = agent.session
        if session is not None and session.key is key and (session.live_at or 0.0) > self.now():
            session.live_at = None

    def _live_from(self, session: Session, first_video_at: float) -> float:
        return max(first_video_at, session.started_at) + self.options.lag


def _started_at(agent: Agent) -> float:
    if agent.neighbour:
        return -1.0
    return agent.sessions[-1].started_at if agent.sessions else 0.0
