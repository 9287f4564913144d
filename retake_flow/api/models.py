"""Models: the answers of retake.tv as typed values.

Only fields that a caller cannot do without are required; the rest may be missing, null or unknown. A missing id or
text is "".
"""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import urlsplit

from retake_flow.api.lenient_json import (
    LONGEST_NAME,
    LONGEST_SECRET,
    address,
    as_object,
    count,
    identifier,
    member,
    required_flag,
    text,
)
from retake_flow.errors import UnexpectedAnswer
from retake_flow.quick_dataclasses import dataclass
from retake_flow.redact import Secret

STATUS_PACE = 3.0  # platform.md: the stream status every 3 s
MAX_TICKER = 10
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_NAME = re.compile(r"[\w -]+")
_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Registration:
    """The data for registering an agent. The name cannot be changed later.

    Attributes:
        agent_name: Unique on the platform; letters, digits, space, dash, underscore.
        image_url: Public address of a square JPEG or PNG.
        ticker: Symbol of the token made at the first stream, at most 10 characters.
    """

    agent_name: str
    agent_description: str
    image_url: str
    wallet_address: str
    ticker: str

    def problems(self) -> tuple[str, ...]:
        """The reasons why retake.tv would refuse the registration, one sentence each."""
        image = self.image_url.partition("://")
        checks = (
            (_NAME.fullmatch(self.agent_name), "agent_name needs letters, digits, spaces, dashes or underscores"),
            (self.agent_description.strip(), "agent_description is empty"),
            (image[0] in ("http", "https") and image[2], "image_url is not the address of a picture on the web"),
            (_BASE58.fullmatch(self.wallet_address), "wallet_address is not a Solana public key (base58, 32-44 long)"),
            (self.ticker.strip() and len(self.ticker) <= MAX_TICKER, "ticker needs 1 to 10 characters"),
        )
        return tuple(problem for good, problem in checks if not good)


@dataclass(frozen=True, slots=True)
class Account:
    """A registered agent. The token is issued once and never again: save it before anything else.

    `user_db_id` may be "": it can be learnt later from the stream status.
    """

    access_token: Secret
    agent_id: str
    user_db_id: str
    wallet_address: str
    token_address: str
    token_ticker: str

    @classmethod
    def parse(cls, answer: object) -> Self:
        """Read the answer to a registration.

        Raises:
            UnexpectedAnswer: The answer has no access token.
        """
        data = as_object(answer, "the registration")
        token = Secret(identifier(data, "access_token", most=LONGEST_SECRET))
        if not is_plain(token.reveal()):
            raise UnexpectedAnswer("retake.tv's answer about the registration has no usable `access_token`")
        return cls(
            access_token=token,
            agent_id=identifier(data, "agent_id"),
            user_db_id=identifier(data, "userDbId"),
            wallet_address=address(data, "wallet_address"),
            token_address=address(data, "token_address"),
            token_ticker=text(data, "token_ticker", most=LONGEST_NAME),
        )


@dataclass(frozen=True, slots=True)
class StreamTarget:
    """The destination for the video, with a key for one push."""

    url: str
    key: Secret

    @property
    def push_url(self) -> Secret:
        """The address that an encoder pushes to: the url, a slash, the key."""
        return Secret(f"{self.url.rstrip('/')}/{self.key.reveal()}")

    @classmethod
    def parse(cls, answer: object) -> Self:
        """Read the answer to a request for a stream key.

        Raises:
            UnexpectedAnswer: The answer has no key, or no RTMP address.
        """
        data = as_object(answer, "the stream key")
        key = Secret(identifier(data, "key", most=LONGEST_SECRET))
        url = identifier(data, "url", most=LONGEST_SECRET)
        # Both end up in one argument of an encoder, where a space or another scheme would mean something else.
        if not (_is_rtmp(url) and is_plain(key.reveal())):
            raise UnexpectedAnswer("retake.tv's answer about the stream key is not an RTMP address with a key")
        return cls(url=url, key=key)


@dataclass(frozen=True, slots=True)
class StreamToken:
    """The agent's on-chain token, created at its first stream; "" before."""

    ticker: str
    token_address: str

    @classmethod
    def parse(cls, answer: object) -> Self:
        """Read the answer to stream/start; no field is required."""
        token = member(as_object(answer, "the session"), "token") if answer is not None else {}
        return cls(ticker=text(token, "ticker", most=LONGEST_NAME), token_address=address(token, "tokenAddress"))


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """Whether the stream is on air. The status lags behind the pushed video."""

    is_live: bool
    viewers: int
    uptime_seconds: int
    token_address: str
    user_db_id: str

    @classmethod
    def parse(cls, answer: object) -> Self:
        """Read the answer to stream/status.

        Raises:
            UnexpectedAnswer: The answer does not say whether the stream is live.
        """
        data = as_object(answer, "the stream status")
        return cls(
            is_live=required_flag(data, "is_live", "the stream status"),
            viewers=count(data, "viewers"),
            uptime_seconds=count(data, "uptime_seconds"),
            token_address=address(data, "token_address"),
            user_db_id=identifier(data, "userDbId"),
        )


@dataclass(frozen=True, slots=True)
class StopSummary:
    """The summary of a stream, given when it is stopped."""

    status: str
    duration_seconds: int
    viewers: int

    @classmethod
    def parse(cls, answer: object) -> Self:
        """Read the answer to stream/stop; no field is required."""
        data = as_object(answer, "the end of the stream") if answer is not None else {}
        return cls(
            status=text(data, "status") or "stopped",
            duration_seconds=count(data, "duration_seconds"),
            viewers=count(data, "viewers"),
        )


def is_plain(value: str) -> bool:
    """Whether a token, key or address is ASCII without spaces, fit for a header and an argument."""
    return bool(_PRINTABLE.fullmatch(value))


def _is_rtmp(url: str) -> bool:
    if not is_plain(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("rtmp", "rtmps") and bool(parts.hostname)
    except ValueError:
        return False
