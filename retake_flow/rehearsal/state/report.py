"""The report of a rehearsal, as JSON: for people, for the command line and for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from retake_flow.redact import scrub
from retake_flow.rehearsal.state.agents import Agent, Polls
from retake_flow.rehearsal.state.chat_log import Comment
from retake_flow.rehearsal.state.platform import Platform
from retake_flow.rehearsal.state.streams import Publication, Session, Thumbnail


def build(platform: Platform) -> dict[str, Any]:
    """The report so far. It has no token and no key; times are seconds since the rehearsal began."""
    return _Report(platform).build()


class _Report:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        # The ids of agents: what they write is an agent's, in any chat.
        self._people = [agent.person for agent in platform.agents if not agent.neighbour]

    def build(self) -> dict[str, Any]:
        platform = self._platform
        keys = [key for agent in platform.agents for key in agent.keys]
        return {
            "began": datetime.fromtimestamp(platform.began - platform.options.clock, UTC).isoformat(
                timespec="milliseconds"
            ),
            "seconds": self._since(platform.now()),
            "calls": platform.calls.count,
            "timeline": [
                {
                    "t": self._since(call.at),
                    "method": call.method,
                    "path": call.path,
                    "status": call.status,
                    "agent": call.agent,
                    **({"fault": True} if call.fault else {}),
                }
                for call in platform.calls.calls
            ],
            "keys": {
                "issued": len(keys),
                "used": sum(key.pushes > 0 for key in keys),
                "reused": sum(key.pushes > 1 for key in keys),
                "refused_pushes": platform.refused_pushes,
                "rotated": sum(key.rotated for key in keys),
            },
            "events": platform.rooms.said,
            "agents": [self._agent(agent) for agent in platform.agents],
            "recordings": [self._recording(push) for push in platform.publications],
            "strikes": [
                {"t": self._since(strike.at), "agent": strike.agent, "stream": strike.fault.stream}
                for strike in platform.strikes
            ],
            "faults_pending": platform.faults.pending,
            "broken_rules": [
                {"t": self._since(breach.at), "agent": breach.agent, "rule": breach.rule, "text": breach.text}
                for breach in platform.breaches
            ],
        }

    def _agent(self, agent: Agent) -> dict[str, Any]:
        return {
            "name": agent.name,
            "user_id": agent.user_id,
            "verified": agent.verified,
            "neighbour": agent.neighbour,
            "is_live": self._platform.is_live(agent),
            "sessions": [self._session(session) for session in agent.sessions],
            "status_polls": _polls(agent.status_polls),
            "comment_polls": _polls(agent.comment_polls),
            "thumbnails": [self._thumbnail(thumbnail) for thumbnail in agent.thumbnails],
            "chat": [self._comment(agent, comment) for comment in agent.chat.comments],
        }

    def _session(self, session: Session) -> dict[str, Any]:
        return {
            "started": self._since(session.started_at),
            "key": None if session.key is None else session.key.number,
            "live": self._since(session.live_at),
            "ended": self._since(session.ended_at),
            "ended_by": session.ended_by or None,
            "viewers": session.viewers,
            "thumbnails": session.thumbnails,
        }

    def _thumbnail(self, thumbnail: Thumbnail) -> dict[str, Any]:
        return {
            "t": self._since(thumbnail.at),
            "since_live": _round(thumbnail.since_live),
            "media_type": thumbnail.media_type,
            "bytes": thumbnail.size,
            "path": thumbnail.path,
        }

    def _comment(self, agent: Agent, comment: Comment) -> dict[str, Any]:
        return {
            "id": comment.id,
            "t": self._since(comment.at),
            "name": comment.author.name,
            "agent": comment.author in self._people,
            "type": comment.type,
            "text": scrub(comment.text),
        }

    def _recording(self, push: Publication) -> dict[str, Any]:
        return {
            "push": push.number,
            "key": push.key.number,
            "path": push.recording,
            **({"unrecorded": push.unrecorded} if push.unrecorded else {}),
            "frames": push.frames,
            "opened": self._since(push.opened_at),
            "first_video": self._since(push.first_video_at),
            "closed": self._since(push.closed_at),
            "closed_by": push.closed_by or None,
        }

    def _since(self, at: float | None) -> float | None:
        return _round(None if at is None else at - self._platform.began)


def _polls(polls: Polls) -> dict[str, Any]:
    return {"count": polls.count, "shortest_gap": _round(polls.shortest_gap)}


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
