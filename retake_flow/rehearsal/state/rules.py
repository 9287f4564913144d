"""The rules of platform.md that the platform itself can see broken."""

from __future__ import annotations

from dataclasses import dataclass

from retake_flow.rehearsal.state.agents import Agent
from retake_flow.rehearsal.state.streams import Publication, Session, StreamKey

# "Poll every 3 s"; a tenth less, because the network brings two polls closer together than they were sent.
SHORTEST_POLL_GAP = 2.9


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a client broke."""

    at: float
    agent: str
    rule: str
    text: str


def at_start(agent: Agent, now: float) -> list[Breach]:
    """Breaches by starting a session now."""
    found = []
    if not agent.verified:
        found.append(_breach(agent, now, "verified-first", "stream/start by an agent that is not verified"))
    key = agent.newest_key
    if key is None:
        found.append(_breach(agent, now, "key-before-start", "stream/start before a stream key was asked for"))
    elif key.pushes:
        found.append(_breach(agent, now, "fresh-key", f"stream/start on key {key.number}, which is not fresh"))
    return found


def at_push(agent: Agent, publication: Publication, now: float) -> list[Breach]:
    """Breaches by an accepted push."""
    found = []
    key = publication.key
    if key.pushes > 1:
        found.append(_breach(agent, now, "key-reused", f"key {key.number} was pushed with {key.pushes} times"))
    session = agent.session
    if session is None or session.key is not key:
        text = f"video was pushed on key {key.number} before stream/start was called for it"
        found.append(_breach(agent, now, "start-before-video", text))
    return found


def at_old_key(agent: Agent, key: StreamKey, now: float) -> list[Breach]:
    """Breaches by a push with a key that is not the newest; a client cannot know a key that the platform rotated."""
    asked_for = any(newer.number > key.number and not newer.rotated for newer in agent.keys)
    if key.pushes < 2 and not asked_for:
        return []
    text = f"key {key.number} was pushed with after a newer one was issued"
    return [_breach(agent, now, "key-reused", text)]


def at_spent_key(agent: Agent, now: float) -> Breach:
    """The breach by a push with a key of an earlier part of the rehearsal."""
    text = "a key was pushed with again that had been used before the rehearsal was interrupted"
    return _breach(agent, now, "key-reused", text)


def at_thumbnail(agent: Agent, session: Session | None, now: float) -> list[Breach]:
    """Breaches by sending a thumbnail now."""
    live = session is not None and session.live_at is not None and session.live_at <= now
    first = session is not None and not session.thumbnails
    if live or not first:
        return []
    return [_breach(agent, now, "thumbnail-when-live", "the first thumbnail came before the stream was live")]


def at_message(agent: Agent, session: Session | None, now: float) -> list[Breach]:
    """Breaches by an agent writing in its own chat now."""
    if session is None or session.live_at is None or session.live_at > now:
        return []
    if session.thumbnails or session.spoke_first:
        return []
    session.spoke_first = True
    return [_breach(agent, now, "thumbnail-first", "the agent wrote in its chat before its first thumbnail")]


def at_status_poll(agent: Agent, gap: float | None, now: float) -> list[Breach]:
    """Breaches by asking for the status now."""
    if gap is None or gap >= SHORTEST_POLL_GAP:
        return []
    return [_breach(agent, now, "status-polls", f"stream/status was asked for {gap:.1f} s after the last time")]


def at_placeholder(agent: Agent, now: float) -> Breach:
    """The breach by a call of verify with an address that no post can have."""
    return _breach(agent, now, "no-placeholder", "verify was called with a placeholder for the tweet's address")


def _breach(agent: Agent, now: float, rule: str, text: str) -> Breach:
    return Breach(now, agent.name, rule, text)
