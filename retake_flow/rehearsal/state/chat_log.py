"""The chat of one stream, in the shapes of platform.md."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retake_flow.errors import NotFound
from retake_flow.rehearsal.setup.options import ChatNames, ChatShape
from retake_flow.rehearsal.setup.viewer_script import CommentType
from retake_flow.rehearsal.state.identities import Identities, Person
from retake_flow.run.records import timestamp

# In a chat of several days, the oldest entries are dropped.
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Comment:
    """One entry of a chat."""

    id: str
    at: float
    author: Person
    text: str
    type: CommentType
    streamer_id: str
    session_id: str
    documented: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self, names: ChatNames = "registered") -> dict[str, Any]:
        """The entry as the platform sends it."""
        name = self.author.name if names == "registered" else slug(self.author.name)
        return self._documented_shape(name) if self.documented else self._observed_shape(name)

    def _documented_shape(self, name: str) -> dict[str, Any]:
        return {
            "_id": self.id,
            "streamId": self.streamer_id,
            "text": self.text,
            "timestamp": timestamp(self.at),
            "author": {
                "walletAddress": self.author.wallet_address,
                "fusername": name,
                "fid": self.author.fid,
                "favatar": "",
            },
        }

    def _observed_shape(self, name: str) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "chat_event_id": self.id,
            "sender_user_id": self.author.user_id,
            "sender_username": name,
            "sender_display_name": name,
            "sender_pfp": None,
            "sender_wallet_address": self.author.wallet_address,
            "session_id": self.session_id,
            "streamer_id": self.streamer_id,
            "text": self.text,
            "timestamp": str(int(self.at * 1000)),
            "type": self.type,
        }
        if self.details:
            entry[f"{self.type}_data"] = dict(self.details)
        return entry


class Chat:
    """The entries of one stream's chat, oldest first inside and newest first outside."""

    def __init__(self, streamer_id: str, identities: Identities) -> None:
        self._streamer_id = streamer_id
        self._identities = identities
        self._comments: deque[Comment] = deque(maxlen=_KEPT)
        self.count = 0

    @property
    def comments(self) -> Sequence[Comment]:
        """The entries, oldest first."""
        return list(self._comments)

    def write(
        self,
        author: Person,
        text: str,
        *,
        at: float,
        session_id: str,
        shape: ChatShape,
        type: CommentType = "message",
        details: Mapping[str, Any] | None = None,
    ) -> Comment:
        """Append an entry; only a message can have the documented shape."""
        alternate = shape == "mixed" and self.count % 2 == 0
        documented = type == "message" and (shape == "documented" or alternate)
        comment = Comment(
            id=self._identities.comment(documented=documented),
            at=at,
            author=author,
            text=text,
            type=type,
            streamer_id=self._streamer_id,
            session_id=session_id,
            documented=documented,
            details=details or {},
        )
        self._comments.append(comment)
        self.count += 1
        return comment

    def page(self, limit: int, before_id: str | None, shape: ChatShape) -> list[Comment]:
        """Up to `limit` entries, newest first, all older than the entry `before_id` if that is given.

        Raises:
            NotFound: There is no such entry.
        """
        listed = [entry for entry in self._comments if shape != "documented" or entry.documented]
        end = len(listed)
        if before_id is not None:
            end = next((index for index, entry in enumerate(listed) if entry.id == before_id), -1)
            if end < 0:
                raise NotFound("Comment not found")
        return listed[max(0, end - limit) : end][::-1]


def slug(name: str) -> str:
    """A name as part of an address: `Night Owl` as `night-owl`."""
    return name.strip().replace(" ", "-").lower()


def as_answer(comments: Sequence[Comment], shape: ChatShape, names: ChatNames = "registered") -> Any:
    """The answer to a request for comments: `observed` is a bare list, all others have it under `comments`."""
    entries = [comment.as_json(names) for comment in comments]
    return entries if shape == "observed" else {"comments": entries}
