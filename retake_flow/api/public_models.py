"""Public models: users, sessions, tokens and trades of retake.tv as typed values.

No document gives these answers whole, and clients that ran against the platform differ in what they expect: a list may
be bare or under a name, and a field may be missing, null or renamed. A missing value is "" or 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, Self

from retake_flow.api.lenient_json import JsonObject, as_object, count, epoch, figure, identifier, line, member, text
from retake_flow.errors import UnexpectedAnswer
from retake_flow.quick_dataclasses import dataclass, field

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


# The longest name, id or address, and text that is kept, in characters.
_LONGEST_NAME, _LONGEST_KEY, _LONGEST_SENTENCE = 64, 128, 280
_MOST: Final = 2_000  # the most entries that are read of a list
_MOST_LINKS: Final = 10
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


def _field(read: Callable[[JsonObject], Any]) -> Any:
    """A field of a model, and how it is read from an entry."""
    return field(metadata={"read": read})


def _key(*names: str) -> Any:
    return _field(lambda data: line(data, *names, most=_LONGEST_KEY))


def _name(*names: str) -> Any:
    return _field(lambda data: line(data, *names, most=_LONGEST_NAME))


def _sentence(*names: str) -> Any:
    return _field(lambda data: line(data, *names, most=_LONGEST_SENTENCE))


def _figure(*names: str) -> Any:
    return _field(lambda data: figure(data, *names))


def _count(*names: str) -> Any:
    return _field(lambda data: count(data, *names))


def _time(*names: str) -> Any:
    return _field(lambda data: epoch(data, *names))


def _over(what: str, time: str) -> Any:
    return _field(lambda data: _figure_over(data, what, time))


def _figure_over(data: JsonObject, what: str, time: str) -> float:
    """A number for a time span: `{"growth": {"24h": 3}}`, or `growth_24h`."""
    return figure(member(data, what), time) or figure(data, f"{what}_{time}")


class _Model:
    """What is read of an entry: each field as it says itself."""

    __slots__ = ()

    @classmethod
    def read(cls, data: JsonObject) -> Self:
        """Read one entry."""
        return cls(**{each.name: each.metadata["read"](data) for each in fields(cls)})  # type: ignore[arg-type]


def _read_links(data: JsonObject) -> tuple[str, ...]:
    links = data.get("social_links")
    found = links[:_MOST_LINKS] if isinstance(links, list) else []
    places = [link if isinstance(link, Mapping) else {"url": link} for link in found]
    return tuple(url for place in places if (url := line(place, "url", "link", most=_LONGEST_SENTENCE)))


@dataclass(frozen=True, slots=True)
class User(_Model):
    """A user of retake.tv.

    Attributes:
        market_cap: The market cap of their token, in USD.
        is_live: Whether the platform says that they stream; it may not say.
    """

    user_id: str = _key(*_IDS)
    username: str = _name(*NAMES)
    ticker: str = _name(*_TICKERS)
    token_address: str = _key("token_address", "tokenAddress")
    market_cap: float = _figure(*_MARKET_CAPS)
    viewers: int = _count(*_VIEWERS)
    is_live: bool = _field(lambda data: data.get("is_live") is True or data.get("isLive") is True)
    wallet_address: str = _key("wallet_address", "walletAddress")
    picture_url: str = _sentence("profile_picture_url", "image_url", "avatar_url")
    bio: str = _sentence("bio", "description", "agent_description")
    links: tuple[str, ...] = _field(_read_links)


def _read_streamer(data: JsonObject, own: Sequence[str], names: Sequence[str], most: int) -> str:
    """A text about the streamer, from a session or from the user in it."""
    return line(data, *own, most=most) or line(member(data, "streamer") or member(data, "user"), *names, most=most)


@dataclass(frozen=True, slots=True)
class Session(_Model):
    """A stream that is on, recorded or scheduled. Times are seconds since the epoch."""

    session_id: str = _key("session_id", "id", "_id")
    streamer_id: str = _field(lambda data: _read_streamer(data, _IDS, (*_IDS, "id"), _LONGEST_KEY))
    streamer: str = _field(lambda data: _read_streamer(data, ("streamer_username", *NAMES), NAMES, _LONGEST_NAME))
    title: str = _sentence("title")
    status: str = _name("status")
    viewers: int = _count(*_VIEWERS)
    started_at: float = _time("started_at", "created_at")
    ended_at: float = _time("ended_at")
    scheduled_at: float = _time("scheduled_at", "scheduled_for", "scheduled_start", "starts_at", "start_time")


_VOLUMES: Final = ("volume", "total_volume", "volume_usd", "volume_24h")


@dataclass(frozen=True, slots=True)
class Token(_Model):
    """An agent's token in a list of tokens. Money is in USD, growth in percent of a day."""

    address: str = _key(*_ADDRESSES)
    name: str = _name("name", "token_name")
    ticker: str = _name(*_TICKERS)
    user_id: str = _key(*_IDS)
    username: str = _name("username", "fusername", "agent_name", "streamer_name")
    market_cap: float = _figure(*_MARKET_CAPS)
    growth_24h: float = _over("growth", "24h")
    volume: float = _field(lambda data: figure(data, *_VOLUMES) or _figure_over(data, "volume", "24h"))
    trades: int = _count("trade_count", "count", "trades", "total_trades")


@dataclass(frozen=True, slots=True)
class TokenStats(_Model):
    """The statistics of a token. Money is in USD, growth in percent; a missing value is 0."""

    ticker: str = _name(*_TICKERS)
    price: float = _figure("current_price", "price")
    market_cap: float = _figure(*_MARKET_CAPS)
    all_time_high: float = _figure("all_time_high", "allTimeHigh")
    growth_1h: float = _over("growth", "1h")
    growth_6h: float = _over("growth", "6h")
    growth_24h: float = _over("growth", "24h")
    volume_24h: float = _over("volume", "24h")
    volume_total: float = _over("volume", "total")
    earnings_24h: float = _over("earnings", "24h")
    earnings_total: float = _over("earnings", "total")
    holders: int = _count("holders", "holder_count", "holders_count")


def _read_side(data: JsonObject) -> str:
    bought = data.get("is_buy")
    if isinstance(bought, bool):
        return "buy" if bought else "sell"
    side = line(data, "action", "side", "type", most=_LONGEST_NAME).lower()
    return side if side in ("buy", "sell") else ""


@dataclass(frozen=True, slots=True)
class Trade(_Model):
    """A purchase or sale.

    Attributes:
        side: "buy", "sell", or "" when missing.
        at: Its time, in seconds since the epoch.
    """

    token_address: str = _key("token_address", "tokenAddress", "address")
    ticker: str = _name(*_TICKERS)
    side: str = _field(_read_side)
    usd: float = _figure("amount_in_usd", "usdAmount", "usd_amount", "amount")
    buyer: str = _key("buyer_address", "buyer")
    seller: str = _key("seller_address", "seller")
    tx_hash: str = _key("tx_hash", "txHash", "signature")
    at: float = _time("timestamp", "created_at", "block_time")


@dataclass(frozen=True, slots=True)
class Tipper(_Model):
    """A user who has tipped, and the total amount."""

    user_id: str = _key(*_IDS)
    username: str = _name(*NAMES)
    total: float = _figure("total_amount", "total", "amount")
    tips: int = _count("tip_count", "count", "tips")
