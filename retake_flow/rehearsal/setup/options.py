"""The options of a rehearsal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Literal

from retake_flow.errors import UsageError
from retake_flow.flow import formats
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.faults import AnyFault, read_fault
from retake_flow.rehearsal.setup.option_fields import Fields, parse
from retake_flow.rehearsal.setup.viewer_script import DEFAULT_SCRIPT, Cue, Part, part_as_json, read_part

#: The figures of a token: money in USD, growth in percent.
_STATS = ("price", "market_cap", "all_time_high", "growth_1h", "growth_6h", "growth_24h", "volume", "holders")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another agent, as docs/rehearsal.md explains it.

    Attributes:
        scheduled: The streams that it has announced: title, and seconds from now.
        chat: The entries of its chat; `at` says how many seconds ago each was written.
    """

    name: str
    live: bool = True
    viewers: int = 0
    title: str = ""
    user_id: str = ""
    agent_id: str = ""
    description: str = ""
    image_url: str = ""
    wallet_address: str = ""
    ticker: str = ""
    token_address: str = ""
    stats: Mapping[str, float] = field(default_factory=dict)
    scheduled: tuple[tuple[str, float], ...] = ()
    chat: tuple[Cue, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> Neighbour:
        """Read a neighbour from JSON.

        Raises:
            UsageError: It is none.
        """
        stats = Fields(fields.anything("stats") or {}, f"{fields.where}.stats")
        neighbour = fields.build(
            cls,
            stats={name: stats.number(name) for name in _STATS if stats.has(name)},
            scheduled=tuple(_announcement(item) for item in fields.objects("scheduled")),
            chat=tuple(Cue.read(item) for item in fields.objects("chat")),
        )
        stats.end()
        return neighbour

    def as_json(self) -> dict[str, Any]:
        """The neighbour as `read` reads it."""
        scheduled = [{"title": title, "in": seconds} for title, seconds in self.scheduled]
        return {**asdict(self), "scheduled": scheduled, "chat": [asdict(cue) for cue in self.chat]}


def _announcement(fields: Fields) -> tuple[str, float]:
    announced = fields.text("title"), fields.number("in")
    fields.end()
    return announced


ChatShape = Literal["documented", "observed", "wrapped", "mixed"]
ChatNames = Literal["registered", "slug"]
Realtime = Literal[True, False, "silent"]
SearchShape = Literal["users", "list"]
SessionShape = Literal["sessions", "list"]
Moment = Literal["start", "live"]
# platform.md: observed are 409 and 404; 200 is the documented answer, which says nothing of sessions.
WithoutSession = Literal[409, 404, 200]
# Seconds. The real platform's lag is unknown; the guide allows for thirty.
LAG = 0.3


# Values of `ingest` that are not an address: pushes are accepted, or refused.
OPEN, REFUSES = "open", "refuses"


@dataclass(frozen=True, slots=True)
class PreparedAgent:
    """An agent that is registered from the beginning.

    Attributes:
        user_id: Its userDbId; generated if empty.
        verified: Whether it is verified; with None, the options' `verified` applies.
        agent_id: Its other id; an agent with one comes from an earlier part, and gets no history.
        description: A part of its profile, like `image_url`, `wallet_address` and `ticker`.
        spent_keys: The stream keys that it has pushed with.
    """

    name: str
    token: Secret
    user_id: str = ""
    verified: bool | None = None
    agent_id: str = ""
    description: str = ""
    image_url: str = ""
    wallet_address: str = ""
    ticker: str = ""
    code: str = ""
    token_address: str = ""
    spent_keys: tuple[Secret, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> PreparedAgent:
        """Read an agent from JSON: `name` and `token`; all else is optional."""
        return fields.build(
            cls,
            token=Secret(fields.text("token")),
            verified=fields.flag("verified") if fields.has("verified") else None,
            spent_keys=tuple(Secret(key) for key in fields.words("spent_keys")),
        )

    def as_json(self) -> dict[str, Any]:
        """The agent as `read` reads it, its secrets in plain text."""
        plain = {name: getattr(self, name) for name in PreparedAgent.__dataclass_fields__}
        if self.verified is None:
            del plain["verified"]
        return {**plain, "token": self.token.reveal(), "spent_keys": [key.reveal() for key in self.spent_keys]}


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """The answer of a program or of a server, as docs/own-actions.md explains it."""

    status: int | None = None
    output: str = ""
    error: str = ""

    @classmethod
    def read(cls, fields: Fields) -> OwnAnswer:
        """Read an answer from JSON; an `output` that is no text is written as JSON."""
        output = fields.anything("output")
        try:
            written = output if isinstance(output, str) else "" if output is None else json.dumps(output)
        except ValueError:  # such as a number of more than 4,300 digits
            raise fields.wrong("output", "JSON") from None
        return fields.build(cls, output=written)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one rehearsal, as docs/rehearsal.md explains them.

    Attributes:
        part: The number of this part of an interrupted rehearsal, from 1.
    """

    verified: bool = True
    latency: float = 0.0
    lag: float = LAG
    chat_shape: ChatShape = "observed"
    chat_names: ChatNames = "registered"
    message_ids: bool = True
    clock: float = 0.0
    date: bool = True
    realtime: Realtime = True
    session_started: Moment = "start"
    live_users: Moment = "live"
    comments_without_session: WithoutSession = 409
    ingest: str = OPEN
    skill_version: str = "2.1.2"
    seed: int | None = None
    tweets: Mapping[str, str] = field(default_factory=dict)
    agents: tuple[PreparedAgent, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    search_shape: SearchShape = "users"
    session_shape: SessionShape = "sessions"
    history: tuple[Cue, ...] = ()
    viewers: tuple[Part, ...] = DEFAULT_SCRIPT
    faults: tuple[AnyFault, ...] = ()
    own: Mapping[str, OwnAnswer] = field(default_factory=dict)
    part: int = 1

    @property
    def dice(self) -> Random:
        """The source of ids, tokens and keys; with a seed, each part has its own, the same ones each time."""
        return Random(self.seed if self.seed is None or self.part == 1 else f"{self.seed}, part {self.part}")

    @classmethod
    def from_json(cls, text: str) -> Options:
        """Read options from a JSON text.

        Raises:
            UsageError: The text is not JSON, or a field is wrong.
        """
        try:
            value = parse(text)
        except ValueError as error:
            raise UsageError(f"the rehearsal's options are not JSON: {error}") from None
        return cls.from_mapping(value)

    @classmethod
    def from_mapping(cls, value: object) -> Options:
        """Read options from parsed JSON.

        Raises:
            UsageError: A field is unknown or of another type.
        """
        fields = Fields(value, "options")
        return fields.build(
            cls,
            clock=fields.offset("clock", 0.0),
            ingest=read_ingest(fields, OPEN),
            tweets=_tweets(fields),
            agents=tuple(PreparedAgent.read(item) for item in fields.objects("agents")),
            neighbours=tuple(Neighbour.read(item) for item in fields.objects("neighbours")),
            history=tuple(Cue.read(item) for item in fields.objects("history")),
            viewers=_viewers(fields),
            faults=tuple(read_fault(item) for item in fields.objects("faults")),
            own={name: OwnAnswer.read(item) for name, item in fields.mapping_of_objects("own").items()},
            part=fields.whole("part", 1, least=1),
        )

    def as_json(self) -> dict[str, Any]:
        """The options as `from_mapping` reads them, tokens in plain text."""
        return {
            **{name: getattr(self, name) for name in Options.__dataclass_fields__},
            "tweets": dict(self.tweets),
            "agents": [agent.as_json() for agent in self.agents],
            "neighbours": [neighbour.as_json() for neighbour in self.neighbours],
            "history": [asdict(cue) for cue in self.history],
            "viewers": [part_as_json(part) for part in self.viewers],
            "faults": [asdict(fault) for fault in self.faults],
            "own": {name: asdict(answer) for name, answer in self.own.items()},
        }


def read_ingest(fields: Fields, default: str) -> str:
    """Read the option `ingest`.

    Raises:
        UsageError: The value is not allowed.
    """
    found = fields.text("ingest", default)
    if found not in (OPEN, REFUSES) and not found.startswith(("rtmp://", "rtmps://")):
        raise fields.wrong("ingest", f"{OPEN}, {REFUSES}, or an address that begins with rtmp:// or rtmps://")
    return found


def _tweets(fields: Fields) -> dict[str, str]:
    tweets = fields.texts("tweets")
    for url in tweets:
        try:
            formats.post(url)
        except ValueError as error:
            raise UsageError(f"{fields.where}.tweets: {url!r}: {error}") from None
    return tweets


def _viewers(fields: Fields) -> tuple[Part, ...]:
    given = fields.objects("viewers")
    return tuple(read_part(item) for item in given) if fields.has("viewers") else DEFAULT_SCRIPT
