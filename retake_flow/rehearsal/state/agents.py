"""The agents of the rehearsed platform, their registration, and their verification by a tweet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from retake_flow.errors import NotFound, Rejected
from retake_flow.flow import formats
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import Neighbour, Options, PreparedAgent
from retake_flow.rehearsal.state.chat_log import Chat
from retake_flow.rehearsal.state.identities import BASE58, Identities, Person
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


#: How long before the rehearsal the history of a chat was written, in seconds.
HISTORY_AGE = 3600.0


class AgentRegistry:
    """All agents: registers new ones and finds existing ones."""

    def __init__(self, identities: Identities, now: Callable[[], float]) -> None:
        self._identities = identities
        self._now = now
        self._agents: list[Agent] = []

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._agents)

    def __len__(self) -> int:
        return len(self._agents)

    def register(self, form: Mapping[str, object], options: Options) -> Agent:
        """Register an agent from the body of the request.

        Raises:
            Rejected: A field is missing or bad, or the name is taken.
        """
        profile = Profile.read(form)
        if self.by_name(profile.name) is not None:
            raise Rejected("agent_name is already taken")
        person = self._identities.person(profile.name, wallet_address=profile.wallet_address)
        return self._admit(person, profile, self._identities.access_token(), options.verified, options)

    def prepare(self, agent: PreparedAgent, options: Options) -> Agent:
        """Add an agent that is there from the beginning."""
        verified = options.verified if agent.verified is None else agent.verified
        person = self._identities.person(agent.name, agent.user_id, agent.wallet_address)
        admitted = self._admit(person, _profile(agent, person), agent.token, verified, options, agent.agent_id)
        admitted.code, admitted.token_address, admitted.spent_keys = agent.code, agent.token_address, agent.spent_keys
        return admitted

    def settle(self, neighbour: Neighbour, options: Options) -> Agent:
        """Add a neighbour: an agent without a client behind it."""
        person = self._identities.person(neighbour.name, neighbour.user_id, neighbour.wallet_address)
        token, history = self._identities.access_token(), replace(options, history=neighbour.chat)
        settled = self._admit(person, _profile(neighbour, person), token, True, history)
        settled.agent_id = neighbour.agent_id or settled.agent_id
        settled.token_address = neighbour.token_address or self._identities.address()
        settled.audience |= {f"{neighbour.name} viewer {number}" for number in range(1, neighbour.viewers + 1)}
        settled.neighbour, settled.stats = True, neighbour.stats
        settled.scheduled = tuple((title, self._now() + seconds) for title, seconds in neighbour.scheduled)
        return settled

    def by_token(self, token: str) -> Agent | None:
        """The agent with this access token."""
        # A stranger's text is not wrapped in Secret: it would be masked in every report from then on.
        return next((agent for agent in self._agents if agent.token.reveal() == token), None)

    def by_name(self, name: str) -> Agent | None:
        """The agent with this name, ignoring case."""
        return next((agent for agent in self._agents if agent.name.lower() == name.lower()), None)

    def by_id(self, user_id: str) -> Agent:
        """The agent with this userDbId.

        Raises:
            NotFound: There is no such agent.
        """
        for agent in self._agents:
            if agent.user_id == user_id:
                return agent
        raise NotFound("User not found")

    def _admit(
        self, person: Person, profile: Profile, token: Secret, verified: bool, options: Options, agent_id: str = ""
    ) -> Agent:
        chat = Chat(person.user_id, self._identities)
        # An agent that already has an id was in an earlier part, and so was its history.
        for cue in () if agent_id else options.history:
            viewer = self._identities.viewer(cue.name)
            written_at = self._now() - (cue.at or HISTORY_AGE)
            chat.write(viewer, cue.text, at=written_at, session_id="", shape=options.chat_shape)
        agent = Agent(person, agent_id or self._identities.id("agent"), token, profile, verified, chat)
        self._agents.append(agent)
        return agent


_LIKE_A_TWEET = re.compile(r"\b(?:x|twitter)\.com/", re.IGNORECASE)
_NUMBER = re.compile(r"/status/([0-9]+)", re.IGNORECASE)


def _profile(agent: PreparedAgent | Neighbour, person: Person) -> Profile:
    ticker = agent.ticker or agent.name[:10].upper()
    return Profile(agent.name, agent.description, agent.image_url, person.wallet_address, ticker)


class Verification:
    """Verification codes, and the tweets that can be found.

    Args:
        tweets: Texts by address; `{message}` and `{code}` stand for the message and code of the agent that asks.
    """

    def __init__(self, identities: Identities, tweets: Mapping[str, str]) -> None:
        self._identities = identities
        self._tweets: dict[str, str] = {}
        for url, text in tweets.items():
            self.post(url, text)

    @property
    def tweets(self) -> dict[str, str]:
        """The tweets that can be found, text by address."""
        return {f"https://x.com/i/web/status/{number}": text for number, text in self._tweets.items()}

    def post(self, url: str, text: str) -> None:
        """Add a tweet.

        Raises:
            Rejected: The address is not one of a tweet.
        """
        self._tweets[_number(url)] = text

    def prepare(self, agent: Agent) -> str:
        """The message that a human has to post for this agent, with a new code."""
        agent.code = self._identities.code()
        return _message(agent)

    def verify(self, agent: Agent, url: str) -> None:
        """Verify an agent by a tweet.

        Raises:
            Rejected: No message was prepared, the address is not one of a tweet, there is no such tweet, or it
                does not have the code.
        """
        if not agent.code:
            raise Rejected("No verification message found. Call prepare-verify first.")
        text = self._tweets.get(_number(url))
        if text is None:
            raise Rejected("Tweet not found")
        if agent.code not in text.replace("{message}", _message(agent)).replace("{code}", agent.code):
            raise Rejected("Tweet does not contain the verification code")
        agent.verified = True


def is_placeholder(url: str) -> bool:
    """Whether an address looks like a tweet's but is a placeholder; other addresses are merely wrong."""
    return _LIKE_A_TWEET.search(url) is not None and not _is_tweet(url)


def _is_tweet(url: str) -> bool:
    try:
        formats.post(url)
    except ValueError:
        return False
    return True


def _number(url: str) -> str:
    # A tweet is known by its number; the name before it is decoration.
    found = _NUMBER.search(url)
    if found is None or not _is_tweet(url):
        raise Rejected("Invalid tweet URL")
    return found[1]


def _message(agent: Agent) -> str:
    return f"Claiming my Livestreaming Agent on @retakedottv. Code: {agent.code}"
