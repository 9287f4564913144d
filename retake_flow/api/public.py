"""Public calls of retake.tv, which never carry a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal
from urllib.parse import quote

from retake_flow.addresses import API_PATH
from retake_flow.api.chat import Page, read_comments
from retake_flow.api.lenient_json import line, well_formed
from retake_flow.api.public_models import (
    Session,
    Tipper,
    Token,
    TokenStats,
    Trade,
    User,
    is_among,
    is_named,
    read_list,
    read_one,
)
from retake_flow.api.responses import Request
from retake_flow.errors import InputError, NotFound, UnexpectedAnswer
from retake_flow.quick_dataclasses import dataclass

MOST = 100  # platform.md: the longest list that can be requested
_CURSOR = 128

Ask = Callable[[Request], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Trades:
    """A page of trades, and the cursor of the next one; "" when there is none."""

    trades: list[Trade]
    following: str


class Public:
    """Looks up users, sessions, tokens, trades and chats.

    Every call raises the same errors as the client's calls.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def search_users(self, query: str) -> list[User]:
        """All users with a name like this."""
        return await self._users(f"search/{_part(query)}")

    async def live_users(self) -> list[User]:
        """All users who are streaming now."""
        return await self._users("live/")

    async def newest_users(self) -> list[User]:
        """The users who registered last."""
        return await self._users("newest/")

    async def user(self, user_id: str) -> User:
        """A user's profile, by their userDbId."""
        return User.read(read_one(await self._get(f"users/metadata/{_part(user_id)}"), "a user"))

    async def streamer(self, name: str) -> User:
        """The streamer with a name or an id.

        Raises:
            UnexpectedAnswer: The answer has no userDbId.
        """
        found = User.read(read_one(await self._get(f"users/streamer/{_part(name)}"), "a streamer"))
        if not found.user_id:
            raise UnexpectedAnswer(f"retake.tv's answer about {name!r} does not say who that is")
        return found

    async def user_exists(self, name: str) -> bool:
        """Whether anybody on the platform has this name, ignoring case."""
        try:
            if is_named(await self._get(f"users/streamer/{_part(name)}"), name):
                return True
        except NotFound:
            pass  # perhaps a user who has never streamed
        try:
            return is_among(await self._get(f"users/search/{_part(name)}"), name)
        except NotFound:
            return False

    async def sessions(self, which: Literal["active", "recorded", "scheduled"], streamer_id: str = "") -> list[Session]:
        """The active, recorded or scheduled streams, of all streamers or of one."""
        if not streamer_id:
            answer = await self._get(f"sessions/{which}/")
        else:
            try:
                answer = await self._get(f"sessions/{which}/{_part(streamer_id)}/")
            except NotFound:
                return []
        # For one streamer it may be the session itself.
        entries = [answer] if isinstance(answer, Mapping) and "session_id" in answer else read_list(answer, "sessions")
        return [Session.read(entry) for entry in entries]

    async def tokens(self, which: Literal["top", "trending"]) -> list[Token]:
        """The tokens with the largest market cap (`top`), or those that have grown most within a day (`trending`)."""
        return await self._tokens(f"tokens/{which}/")

    async def most_traded(self, by: Literal["volume", "count"], limit: int = 20, window: str = "24h") -> list[Token]:
        """The tokens with the largest volume or number of trades."""
        return (await self._tokens(f"trades/top-{by}/", limit=_limit(limit), window=well_formed(window)))[:limit]

    async def token_stats(self, address: str) -> TokenStats:
        """The statistics of a token."""
        return TokenStats.read(read_one(await self._get(f"tokens/{_part(address)}/stats"), "a token"))

    async def recent_trades(self, token: str = "", limit: int = 50, cursor: str = "") -> Trades:
        """The newest trades, of all tokens or of one; `cursor` comes from an earlier page."""
        path = f"trades/recent/{_part(token)}/" if token else "trades/recent/"
        answer = await self._get(path, limit=_limit(limit), **({"cursor": well_formed(cursor)} if cursor else {}))
        following = line(answer, "next_cursor", "nextCursor", most=_CURSOR) if isinstance(answer, Mapping) else ""
        return Trades([Trade.read(entry) for entry in read_list(answer, "trades")[:limit]], following)

    async def chat(self, streamer_id: str, limit: int = 50, before: str = "") -> Page:
        """A page of a streamer's chat, oldest first: the newest, or the one before the message `before`."""
        params = {"streamer_id": _require_name(streamer_id), "limit": _limit(limit)}
        answer = await self._get("chat/", **params, **({"before_chat_event_id": well_formed(before)} if before else {}))
        return await read_comments(
            answer["chats"] or [] if isinstance(answer, Mapping) and "chats" in answer else answer
        )

    async def top_tippers(self, streamer_id: str) -> list[Tipper]:
        """A streamer's top tippers."""
        answer = await self._get("chat/top-tippers", streamer_id=_require_name(streamer_id))
        return [Tipper.read(entry) for entry in read_list(answer, "tippers")]

    async def _users(self, path: str) -> list[User]:
        return [User.read(entry) for entry in read_list(await self._get(f"users/{path}"), "users")]

    async def _tokens(self, path: str, **params: str) -> list[Token]:
        return [Token.read(entry) for entry in read_list(await self._get(path, **params), "tokens")]

    async def _get(self, path: str, **params: str) -> object:
        return await self._ask(Request("GET", f"{API_PATH}/{path}", params=params, authenticated=False))


def _require_name(wanted: str) -> str:
    """A name or an id that is not empty."""
    if not wanted.strip():
        raise InputError("a lookup needs a name, an id or an address")
    return well_formed(wanted.strip())


def _part(wanted: str) -> str:
    """A name or an id that is safe as one part of a path."""
    part = quote(_require_name(wanted), safe="")
    if part in (".", ".."):
        raise InputError(f"nothing on retake.tv is named {part!r}")
    return part


def _limit(wanted: int) -> str:
    """The number of entries to request."""
    if not 1 <= wanted <= MOST:
        raise InputError(f"a list has a limit of 1 to {MOST}")
    return str(wanted)
