"""Public models: users, sessions, tokens and trades of retake.tv as typed values.

No document gives these answers whole, and clients that ran against the platform differ in what they expect: a list may
be bare or under a name, and a field may be missing, null or renamed. A missing value is "" or 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from retake_flow.api.lenient_json import JsonObject, as_object, count, epoch, figure, identifier, line, member, text
from retake_flow.errors import UnexpectedAnswer
from retake_flow.quick_dataclasses import dataclass

#: No document says which field holds the name; these are its names in the platform's other answers.
NAMES = ("username", "fusername", "agent_name", "streamer_name", "name", "display_name")


def is_named(answer: object, name: str) -> bool:
    """Whether the user looked up by name or id has this name, or can only be this user."""
    found = _names(answer) if isinstance(answer, Mapping) else set()
    if not found:
        return isinstance(answer, Mapping) and bool(text(answer, "streamer_id", "user_id"))
    return _fold(name) in found


def is_among(answer: object, name: str) -> bool:
    """Whether any user found by a search has this name; the answer is a list, bare or under `users`.

    Raises:
        UnexpectedAnswer: The answer is something else, or has no names.
    """
    entries = answer.get("users") if isinstance(answer, Mapping) else answer
    if not isinstance(entries, list):
        raise UnexpectedAnswer("retake.tv's answer about its users is not a list of them")
    users = [entry for entry in entries if isinstance(entry, Mapping)]
    if not all(_names(user) for user in users) or len(users) < len(entries):
        raise UnexpectedAnswer("retake.tv's answer about its users does not contain their names")
    return any(_fold(name) in _names(user) for user in users)


def _names(user: JsonObject) -> set[str]:
    return {_fold(found) for found in (text(user, field) for field in NAMES) if found.strip()}


def _fold(name: str) -> str:
    return name.strip().casefold()


_NAME, _KEY, _SENTENCE = 64, 128, 280  # the longest name, id or address, and text that is kept, in characters
_MOST: Final = 2_000  # the most entries that are read of a list
#: The names under which a list may stand in an answer.
_LISTS: Final = ("users", "streamers", "sessions", "tokens", "trades", "tippers", "data", "results", "items")
#: The names under which a single object may stand in an answer.
_SINGLE: Final = ("user", "streamer", "session", "token", "stats", "data")
_ADDRESSES: Final = ("address", "token_address", "tokenAddress")
_TICKERS: Final = ("ticker", "token_ticker", "tokenTicker", "symbol")
_VIEWERS: Final = ("viewers", "viewer_count", "viewerCount")
_MARKET_CAPS: Final = ("current_market_cap", "market_cap", "marketCap")
_IDS: Final = ("user_id", "streamer_id", "userDbId", "userId")


def read_list(answer: object, of: str) -> Sequence[JsonObject]:
    """The entries of a list, bare or under a name; entries that are not objects are left out.

    `of` says for messages what was requested.

    Raises:
        UnexpectedAnswer: The answer has no list.
    """
    if isinstance(answer, Mapping):
        one = [answer] if identifier(answer, *_IDS) else answer
        answer = next((answer[name] for name in _LISTS if name in answer), one)
    if answer is None:
        return []
    if not isinstance(answer, list):
        raise UnexpectedAnswer(f"retake.tv's response about {of} is not a list")
    return [entry for entry in answer[:_MOST] if isinstance(entry, Mapping)]


def read_one(answer: object, of: str) -> JsonObject:
    """The single object of an answer, bare or under a name.

    Raises:
        UnexpectedAnswer: The answer is not an object.
    """
    data = as_object(answer, of)
    # Only an object without fields of its own is a wrapper: a user who streams has a session too.
    inner = [value for name in _SINGLE if isinstance(value := data.get(name), Mapping)]
    return inner[0] if inner and not identifier(data, *_IDS, *NAMES, *_ADDRESSES) else data


@dataclass(frozen=True, slots=True)
class User:
    """A user of retake.tv.

    Attributes:
        market_cap: The market cap of their token, in USD.
        is_live: Whether the platform says that they stream; it may not say.
    """

    user_id: str
    username: str
    ticker: str
    token_address: str
    market_cap: float
    viewers: int
    is_live: bool
    wallet_address: str
    picture_url: str
    bio: str
    links: tuple[str, ...]

    @classmethod
    def read(cls, data: JsonObject) -> Self:
        """Read one entry."""
        links = data.get("social_links")
        places = [link if isinstance(link, Mapping) else {"url": link} for link in _list(links)[:10]]
        return cls(
            user_id=line(data, *_IDS, most=_KEY),
            username=line(data, *NAMES, most=_NAME),
            ticker=line(data, *_TICKERS, most=_NAME),
            token_address=line(data, "token_address", "tokenAddress", most=_KEY),
            market_cap=figure(data, *_MARKET_CAPS),
            viewers=_first_count(data, _VIEWERS),
            is_live=data.get("is_live") is True or data.get("isLive") is True,
            wallet_address=line(data, "wallet_address", "walletAddress", most=_KEY),
            picture_url=line(data, "profile_picture_url", "image_url", "avatar_url", most=_SENTENCE),
            bio=line(data, "bio", "description", "agent_description", most=_SENTENCE),
            links=tuple(found for place in places if (found := line(place, "url", "link", most=_SENTENCE))),
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A stream that is on, recorded or scheduled. Times are seconds since the epoch."""

    session_id: str
    streamer_id: str
    streamer: str
    title: str
    status: str
    viewers: int
    started_at: float
    ended_at: float
    scheduled_at: float

    @classmethod
    def read(cls, data: JsonObject) -> Self:
        """Read one entry."""
        streamer = member(data, "streamer") or member(data, "user")
        return cls(
            session_id=line(data, "session_id", "id", "_id", most=_KEY),
            streamer_id=line(data, *_IDS, most=_KEY) or line(streamer, *_IDS, "id", most=_KEY),
            streamer=line(data, "streamer_username", *NAMES, most=_NAME) or line(streamer, *NAMES, most=_NAME),
            title=line(data, "title", most=_SENTENCE),
            status=line(data, "status", most=_NAME),
            viewers=_first_count(data, _VIEWERS),
            started_at=epoch(data, "started_at", "created_at"),
            ended_at=epoch(data, "ended_at"),
            scheduled_at=epoch(data, "scheduled_at", "scheduled_for", "scheduled_start", "starts_at", "start_time"),
        )


@dataclass(frozen=True, slots=True)
class Token:
    """An agent's token in a list of tokens. Money is in USD, growth in percent of a day."""

    address: str
    name: str
    ticker: str
    user_id: str
    username: str
    market_cap: float
    growth_24h: float
    volume: float
    trades: int

    @classmethod
    def read(cls, data: JsonObject) -> Self:
        """Read one entry."""
        return cls(
            address=line(data, *_ADDRESSES, most=_KEY),
            name=line(data, "name", "token_name", most=_NAME),
            ticker=line(data, *_TICKERS, most=_NAME),
            user_id=line(data, *_IDS, most=_KEY),
            username=line(data, "username", "fusername", "agent_name", "streamer_name", most=_NAME),
            market_cap=figure(data, *_MARKET_CAPS),
            growth_24h=_over(data, "growth", "24h"),
            volume=figure(data, "volume", "total_volume", "volume_usd", "volume_24h") or _over(data, "volume", "24h"),
            trades=_first_count(data, ("trade_count", "count", "trades", "total_trades")),
        )


@dataclass(frozen=True, slots=True)
class TokenStats:
    """The statistics of a token. Money is in USD, growth in percent; a missing value is 0."""

    ticker: str
    price: float
    market_cap: float
    all_time_high: float
    growth_1h: float
    growth_6h: float
    growth_24h: float
    volume_24h: float
    volume_total: float
    earnings_24h: float
    earnings_total: float
    holders: int

    @classmethod
    def read(cls, data: JsonObject) -> Self:
        """Read the whole answer."""
        return cls(
            ticker=line(data, *_TICKERS, most=_NAME),
            price=figure(data, "current_price", "price"),
            market_cap=figure(data, *_MARKET_CAPS),
            all_time_high=figure(data, "all_time_high", "allTimeHigh"),
            growth_1h=_over(data, "growth", "1h"),
            growth_6h=_over(data, "growth", "6h"),
            growth_24h=_over(data, "growth", "24h"),
            volume_24h=_over(data, "volume", "24h"),
            volume_total=_over(data, "volume", "total"),
            earnings_24h=_over(data, "earnings", "24h"),
            earnings_total=_over(data, "earnings", "total"),
            holders=_first_count(data, ("holders", "holder_count", "holders_count")),
        )


@dataclass(frozen=True, slots=True)
class Trade:
    """A purchase or sale.

    Attributes:
        side: "buy", "sell", or "" when missing.
        at: Its time, in seconds since the epoch.
    """

    token_address: str
    ticker: str
    side: str
    usd: float
    buyer: str
    seller: str
    tx_hash: str
    at: float

    @classmethod
    def read(cls, data: JsonObject) -> Self:
        """Read one entry."""
        bought = data.get("is_buy")
        action = line(data, "action", "side", "type", most=_NAME).lower()
        side = ("buy" if bought else "sell") if isinstance(bought, bool) else action
        return cls(
            token_address=line(data, "token_address", "tokenAddress", "address", most=_KEY),
            ticker=line(data, *_TICKERS, most=_NAME),
            side=side if side in ("buy", "sell") else "",
            usd=figure(data, "amount_in_usd", "usdAmount", "usd_amount", "amount"),
            buyer=line(data, "buyer_address", "buyer", most=_KEY),
            seller=line(data, "seller_address", "seller", most=_KEY),
            tx_hash=line(data, "tx_hash", "txHash", "signature", most=_KEY),
            at=epoch(data, "timestamp", "created_at", "block_time"),
        )


@dataclass(frozen=True, slots=True)
class Tipper:
    """A user who has tipped, and the total amount."""

    user_id: str
    username: str
    total: float
    tips: int

    @classmethod
    def read(cls, data: JsonObject) -> Self:
        """Read one entry."""
        return cls(
            user_id=line(data, *_IDS, most=_KEY),
            username=line(data, *NAMES, most=_NAME),
            total=figure(data, "total_amount", "total", "amount"),
            tips=_first_count(data, ("tip_count", "count", "tips")),
        )


def _over(data: JsonObject, what: str, time: str) -> float:
    """A number for a time span: `{"growth": {"24h": 3}}`, or `growth_24h`."""
    return figure(member(data, what), time) or figure(data, f"{what}_{time}")


def _first_count(data: JsonObject, names: Sequence[str]) -> int:
    return next((found for name in names if (found := count(data, name))), 0)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
