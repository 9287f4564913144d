"""Agents of the rehearsed platform, and the profile that registration requires."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from retake_flow.errors import Rejected
from retake_flow.redact import Secret
from retake_flow.rehearsal.state.chat_log import Chat
from retake_flow.rehearsal.state.identities import BASE58, Person
from retake_flow.rehearsal.state.streams import Publication, Session, StreamKey, Thumbnail

_NAME = re.compile(r"[A-Za-z0-9 _-]+")  # observed
_WALLET = re.compile(rf"[{BASE58}]{{32,44}}")


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile with which an agent registers."""

    name: str
    description: str = ""
    image_url: str = ""
    wallet_address: str = ""
    ticker: str = ""

    @classmethod
    def read(cls, form: Mapping[str, object]) -> Profile:
        """Read the body of `POST /agent/register`.

        Raises:
            Rejected: A field is missing or bad.
        """
        profile = cls(
            name=_text(form, "agent_name"),
            description=_text(form, "agent_description"),
            image_url=_text(form, "image_url"),
            wallet_address=_text(form, "wallet_address"),
            ticker=_text(form, "ticker"),
        )
        if not _NAME.fullmatch(profile.name):
            raise Rejected("agent_name may hold letters, digits, spaces, dashes and underscores only")
        address = urlsplit(profile.image_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise Rejected("image_url must be a public http(s) URL")
        if not _WALLET.fullmatch(profile.wallet_address):
            raise Rejected("wallet_address must be a valid Solana address")
        if len(profile.ticker) > 10:
            raise Rejected("ticker may have 10 characters at most")
        return profile


@dataclass(slots=True)
class Polls:
    """How closely something was polled.

    Attributes:
        shortest_gap: Seconds between the two closest polls; None with fewer than two.
    """

    count: int = 0
    last_at: float | None = None
    shortest_gap: float | None = None

    def note(self, at: float) -> float | None:
        """Count one more poll.

        Returns:
            Seconds since the poll before it, if there was one.
        """
        gap = None if self.last_at is None else at - self.last_at
        if gap is not None and (self.shortest_gap is None or gap < self.shortest_gap):
            self.shortest_gap = gap
        self.count += 1
        self.last_at = at
        return gap


@dataclass(slots=True)
class Tips:
    """The tips of one person to one agent: the sum and the number."""

    tipper: Person
    total: float = 0.0
    count: int = 0


@dataclass(slots=True)
class Agent:
    """A registered agent with everything that belongs to it.

    Attributes:
        code: The prepared verification code; empty before.
        token_address: The address of its own token; empty until the first stream of a verified agent.
        spent_keys: The stream keys that it pushed with in earlier parts of the rehearsal.
        keys: All its stream keys, the newest last.
        sessions: All its sessions, the newest last.
        neighbour: Whether it has no client behind it, and is on air without video when it has a session.
        scheduled: The streams that it has announced: title and time in epoch seconds.
        scene: The scene that its viewers see; empty while none is known.
        frozen: The fixed value of `is_live`, and until when.
    """

    person: Person
    agent_id: str
    token: Secret
    profile: Profile
    verified: bool
    chat: Chat
    code: str = ""
    token_address: str = ""
    spent_keys: tuple[Secret, ...] = ()
    keys: list[StreamKey] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    publication: Publication | None = None
    thumbnails: list[Thumbnail] = field(default_factory=list)
    image: bytes = b""
    audience: set[str] = field(default_factory=set)
    followers: set[str] = field(default_factory=set)
    scene: str = ""
    tips: dict[str, Tips] = field(default_factory=dict)
    neighbour: bool = False
    stats: Mapping[str, float] = field(default_factory=dict)
    scheduled: tuple[tuple[str, float], ...] = ()
    frozen: tuple[bool, float] = (False, 0.0)
    status_polls: Polls = field(default_factory=Polls)
    comment_polls: Polls = field(default_factory=Polls)

    @property
    def name(self) -> str:
        """Its name."""
        return self.person.name

    @property
    def user_id(self) -> str:
        """Its userDbId."""
        return self.person.user_id

    @property
    def newest_key(self) -> StreamKey | None:
        """The only key that is valid for pushing."""
        return self.keys[-1] if self.keys else None

    @property
    def session(self) -> Session | None:
        """The active session, if any."""
        last = self.sessions[-1] if self.sessions else None
        return last if last is not None and last.ended_at is None else None


def _text(form: Mapping[str, object], name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Rejected(f"{name} is required")
    return value.strip()
