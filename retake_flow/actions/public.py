"""Public actions: look up users, sessions, tokens, trades and chats. No access token is sent with their calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

from retake_flow.actions.base import AGAIN_SLOWLY, COUNT, FLAG, NUMBER, TEXT, WORDS, Family, described
from retake_flow.actions.chat.entries import as_data, excerpt
from retake_flow.errors import CredentialsError
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.ports.actions import Call, Completion

if TYPE_CHECKING:  # `check` reads the specs, and waits for none of these
    from retake_flow.actions.agent_session import Access
    from retake_flow.api.credentials import Credentials
    from retake_flow.api.public import Public
    from retake_flow.api.public_models import Session, Tipper, Token, TokenStats, Trade, User

#: The errors of actions that call the platform without a token.
ASKED: Final = ("rejected", "rate_limited", "unavailable", "unreachable", "intercepted", "redirected",
                "unexpected_answer", "not_found", "input")  # fmt: skip

_Schema = Mapping[str, Any]
_LIMIT: Final = described(COUNT, "The maximum number of entries.", minimum=1, maximum=50, default=20)
_WHO: Final = described(WORDS, "A userDbId.")
_ONE: Final = described(TEXT, "The userDbId of one streamer; otherwise all.")
_WINDOW: Final = {
    **described(TEXT, "Of which time.", pattern=r"^\d+[mhd]$", default="24h"),
    "errorMessage": "write the time in minutes, hours or days, such as 30m, 24h or 7d",
}
_USER: Final = {"user_id": TEXT, "username": TEXT, "ticker": TEXT, "token_address": TEXT, "market_cap": NUMBER,
                "viewers": COUNT, "is_live": FLAG}  # fmt: skip
_PROFILE: Final = {**_USER, "wallet_address": TEXT, "picture_url": TEXT, "bio": TEXT, "links": {"type": "array"}}
_SESSION: Final = {"session_id": TEXT, "streamer_id": TEXT, "streamer": TEXT, "title": TEXT, "status": TEXT,
                   "viewers": COUNT, "started_at": NUMBER, "ended_at": NUMBER, "scheduled_at": NUMBER}  # fmt: skip
_TOKEN: Final = {"address": TEXT, "name": TEXT, "ticker": TEXT, "user_id": TEXT, "username": TEXT,
                 "market_cap": NUMBER, "growth_24h": NUMBER, "volume": NUMBER, "trades": COUNT}  # fmt: skip
_TRADE: Final = {"token_address": TEXT, "ticker": TEXT, "side": TEXT, "usd": NUMBER, "buyer": TEXT, "seller": TEXT,
                 "tx_hash": TEXT, "at": NUMBER}  # fmt: skip
_TIPPER: Final = {"user_id": TEXT, "username": TEXT, "total": NUMBER, "tips": COUNT}
_MESSAGE: Final = {"id": TEXT, "author": TEXT, "user_id": TEXT, "text": TEXT, "kind": TEXT, "at": NUMBER}


def _list(
    name: str,
    summary: str,
    call: str,
    entry: tuple[str, _Schema],
    inputs: Mapping[str, _Schema] | None = None,
    optional: frozenset[str] = frozenset(),
    result: Mapping[str, _Schema] | None = None,
) -> ActionSpec:
    """The spec of an action whose result is a list: its length, its first entry, and a text."""
    of, fields = entry
    sample = {field: _sample(field, schema) for field, schema in fields.items()}
    listed = {"type": "array", "items": {"type": "object", "properties": fields}}
    return ActionSpec(
        f"public.{name}",
        summary,
        inputs={**(inputs or {}), "limit": _LIMIT},
        result={of: listed, "count": COUNT, "first": {"type": "object", "properties": fields}, "summary": TEXT,
                **(result or {})},
        errors=ASKED,
        retry=AGAIN_SLOWLY,
        optional=optional,
        requests=(f"GET {call}",),
        samples={of: [sample], "count": 1, "first": sample},
    )  # fmt: skip


def _sample(name: str, schema: _Schema) -> Any:
    return {"string": f"‹{name}›", "boolean": True, "array": []}.get(str(schema["type"]), 0)


_USERS: Final = ("users", _USER)
_SESSIONS: Final = ("sessions", _SESSION)
_TOKENS: Final = ("tokens", _TOKEN)
_STREAMER: Final = frozenset({"streamer"})

SPECS: Final = (
    _list("search_users", "Search users by name.", "/users/search/:query", _USERS,
          {"query": WORDS}),
    _list("live_users", "List who is on air, the most watched first.", "/users/live/", _USERS,
          {"others": described(FLAG, "Whether to leave out the agent itself.", default=False)}),
    _list("newest_users", "List the newest users.", "/users/newest/", _USERS),
    ActionSpec(
        "public.user",
        "Look up a user's profile.",
        inputs={"user": _WHO},
        result=_PROFILE,
        errors=ASKED,
        retry=AGAIN_SLOWLY,
        requests=("GET /users/metadata/:user_id",),
    ),
    ActionSpec(
        "public.streamer",
        "Look up a streamer by name or id; messages go to its `user_id`.",
        inputs={"name": described(WORDS, "A name, or a userDbId.")},
        result={**_PROFILE, "own": FLAG},
        errors=ASKED,
        retry=AGAIN_SLOWLY,
        requests=("GET /users/streamer/:name_or_id",),
    ),
    _list("active_sessions", "List the streams that are on air.", "/sessions/active/[:streamer_id/]", _SESSIONS,
          {"streamer": _ONE}, _STREAMER),
    _list("recorded_sessions", "List recorded streams.", "/sessions/recorded/[:streamer_id/]", _SESSIONS,
          {"streamer": _ONE}, _STREAMER),
    _list("scheduled_sessions", "List scheduled streams.", "/sessions/scheduled/[:streamer_id/]", _SESSIONS,
          {"streamer": _ONE}, _STREAMER),
    _list("top_tokens", "List the tokens with the highest market cap.", "/tokens/top/", _TOKENS),
    _list("trending_tokens", "List the tokens that have grown most within a day.", "/tokens/trending/", _TOKENS),
    ActionSpec(
        "public.token_stats",
        "Look up a token's figures and their changes.",
        inputs={
            "address": described(WORDS, "Of the token."),
            "before": {"type": "object", "default": {}, "description": "An earlier result, to compare with."},
            "milestones": {"type": "array", "items": NUMBER, "default": [], "description": "Market caps, in USD."},
        },
        result={
            "address": TEXT, "ticker": TEXT, "price": NUMBER, "market_cap": NUMBER, "all_time_high": NUMBER,
            "growth_1h": NUMBER, "growth_6h": NUMBER, "growth_24h": NUMBER, "volume_24h": NUMBER,
            "volume_total": NUMBER, "earnings_24h": NUMBER, "earnings_total": NUMBER, "holders": COUNT,
            "changed": described(NUMBER, "The largest change since then, in percent."),
            "changes": TEXT,
            "milestone": described(NUMBER, "The highest one reached; 0 before the first."),
            "summary": TEXT,
        },
        errors=ASKED,
        retry=AGAIN_SLOWLY,
        requests=("GET /tokens/:address/stats",),
    ),
    _list("recent_trades", "List trades, the newest first.", "/trades/recent/[:token/]",
          ("trades", _TRADE),
          {"token": described(TEXT, "The address of one token; otherwise all."),
           "cursor": described(TEXT, "The `following` of an earlier page.")},
          frozenset({"token", "cursor"}), {"following": TEXT}),
    _list("top_volume", "List the tokens with the highest trading volume.", "/trades/top-volume/", _TOKENS,
          {"window": _WINDOW}),
    _list("top_count", "List the tokens with the most trades.", "/trades/top-count/", _TOKENS,
          {"window": _WINDOW}),
    _list("chat", "Read a user's chat, oldest first.", "/chat/", ("messages", _MESSAGE),
          {"streamer": _WHO, "before": described(TEXT, "The id of a message; only older ones are read.")},
          frozenset({"before"})),
    _list("top_tippers", "List the largest tippers of a user.", "/chat/top-tippers", ("tippers", _TIPPER),
          {"streamer": _WHO}),
)  # fmt: skip

_NAMED = 5  # entries that a summary names
#: The figures of a token that are compared, with their names in texts.
_COMPARED = {"price": "price", "volume_24h": "volume of a day", "holders": "holders"}
_LONG = ("wallet_address", "picture_url", "bio", "links")  # only when one user is looked up


class PublicActions(Family):
    """Looks up public data, in methods named as the actions. No access token is sent.

    Args:
        access: Makes the client; its credentials, if any, identify the agent itself.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self.tasks = {spec.name: getattr(self, spec.name.removeprefix("public.")) for spec in SPECS}

    # --- people -------------------------------------------------------------------------------------------

    async def search_users(self, call: Call) -> Completion:
        """Search for a name."""
        return _users(call, await self._public.search_users(str(call.inputs["query"])))

    async def live_users(self, call: Call) -> Completion:
        """List live streamers, most watched first; without viewer counts, in the platform's own order."""
        found = await self._public.live_users()
        if call.inputs["others"]:
            known = self._credentials()
            found = [user for user in found if not _is_own(user, known)]
        return _users(call, sorted(found, key=lambda user: -user.viewers))

    async def newest_users(self, call: Call) -> Completion:
        """List the newest users."""
        return _users(call, await self._public.newest_users())

    async def user(self, call: Call) -> Completion:
        """Look up a user."""
        return Completion(value=_as_output(await self._public.user(str(call.inputs["user"]))))

    async def streamer(self, call: Call) -> Completion:
        """Look up a streamer, which may be the agent itself."""
        found = await self._public.streamer(str(call.inputs["name"]))
        return Completion(value={**_as_output(found), "own": _is_own(found, self._credentials())})

    # --- streams and their chats --------------------------------------------------------------------------

    async def active_sessions(self, call: Call) -> Completion:
        """List active sessions."""
        return await self._sessions(call, "active")

    async def recorded_sessions(self, call: Call) -> Completion:
        """List past sessions."""
        return await self._sessions(call, "recorded")

    async def scheduled_sessions(self, call: Call) -> Completion:
        """List scheduled sessions."""
        return await self._sessions(call, "scheduled")

    async def _sessions(self, call: Call, which: Literal["active", "recorded", "scheduled"]) -> Completion:
        found = await self._public.sessions(which, _text(call, "streamer"))
        words = (": ".join(filter(None, (each.streamer or each.streamer_id, each.title))) for each in found)
        return _list_completion(call, "sessions", map(_as_output, found), words)

    async def chat(self, call: Call) -> Completion:
        """Read a page of another user's chat."""
        page = await self._public.chat(str(call.inputs["streamer"]), _limit(call), _text(call, "before"))
        messages = [message for message in page if message.is_message]
        return _list_completion(call, "messages", map(as_data, messages), map(excerpt, messages))

    async def top_tippers(self, call: Call) -> Completion:
        """List the top tippers."""
        found = await self._public.top_tippers(str(call.inputs["streamer"]))
        return _list_completion(
            call, "tippers", map(_as_output, found), (f"{t.username or t.user_id} {t.total:g}" for t in found)
        )

    # --- tokens -------------------------------------------------------------------------------------------

    async def top_tokens(self, call: Call) -> Completion:
        """List the tokens worth most."""
        found = await self._public.tokens("top")
        return _tokens(call, found, lambda token: _usd(token.market_cap))

    async def trending_tokens(self, call: Call) -> Completion:
        """List trending tokens."""
        found = await self._public.tokens("trending")
        return _tokens(call, found, lambda token: f"{token.growth_24h:+.0f} %")

    async def top_volume(self, call: Call) -> Completion:
        """List the tokens with the largest trading volume."""
        found = await self._public.most_traded("volume", _limit(call), str(call.inputs["window"]))
        return _tokens(call, found, lambda token: _usd(token.volume))

    async def top_count(self, call: Call) -> Completion:
        """List the tokens with the most trades."""
        found = await self._public.most_traded("count", _limit(call), str(call.inputs["window"]))
        return _tokens(call, found, lambda token: f"{token.trades} trades")

    async def recent_trades(self, call: Call) -> Completion:
        """List recent trades."""
        page = await self._public.recent_trades(_text(call, "token"), _limit(call), _text(call, "cursor"))
        words = (f"{trade.side or 'trade'} of {trade.ticker} for {_usd(trade.usd)}" for trade in page.trades)
        return _list_completion(call, "trades", map(_as_output, page.trades), words, following=page.following)

    async def token_stats(self, call: Call) -> Completion:
        """Fetch a token's figures, and compare them with earlier ones."""
        address = str(call.inputs["address"])
        stats = await self._public.token_stats(address)
        changes = _changes(stats, call.inputs["before"])
        reached = [each for each in call.inputs["milestones"] if each <= stats.market_cap]
        value = {
            **asdict(stats),
            "address": address,
            "changed": max(map(abs, changes.values()), default=0.0),
            "changes": ", ".join(f"{what} {change:+.0f} %" for what, change in changes.items() if change),
            "milestone": max(reached, default=0),
            "summary": f"price {stats.price:g} USD, market cap {_usd(stats.market_cap)}, "
            f"{stats.growth_24h:+.0f} % within a day",
        }
        return Completion(value=value)

    @property
    def _public(self) -> Public:
        return self._access.client(anonymous=True).public

    def _credentials(self) -> Credentials | None:
        """The agent's credentials; None if there are none, since these actions need none."""
        try:
            return self._access.credentials
        except CredentialsError:
            return None


def _users(call: Call, found: Sequence[User]) -> Completion:
    words = (user.username or user.user_id for user in found)
    watched = (f" ({user.viewers} watching)" if user.viewers else "" for user in found)
    return _list_completion(
        call, "users", map(_short, found), (name + more for name, more in zip(words, watched, strict=True))
    )


def _tokens(call: Call, found: Sequence[Token], measure: Any) -> Completion:
    words = (f"{token.ticker or token.name or token.username} ({measure(token)})" for token in found)
    return _list_completion(call, "tokens", map(_as_output, found), words)


def _list_completion(
    call: Call, of: str, entries: Iterable[Mapping[str, Any]], words: Iterable[str], **more: object
) -> Completion:
    """The requested part of a list, with its length, its first entry, and a text."""
    shown, texts = list(entries)[: _limit(call)], list(words)[: _limit(call)]
    rest = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    summary = ", ".join(texts[:_NAMED]) + rest or "none"
    first = shown[0] if shown else {}
    return Completion(value={of: shown, "count": len(shown), "first": first, "summary": summary, **more})


def _changes(stats: TokenStats, before: Mapping[str, Any]) -> dict[str, float]:
    """The percentage change of each figure that is known now and was known before."""
    found = {}
    for name, called in _COMPARED.items():
        now, then = float(getattr(stats, name)), before.get(name)
        if now and isinstance(then, int | float) and then:
            found[called] = round((now - then) / then * 100, 1)
    return found


def _is_own(user: User, known: Credentials | None) -> bool:
    if known is None:
        return False
    if user.user_id and known.user_db_id:
        return user.user_id == known.user_db_id
    return bool(known.agent_name) and user.username.casefold() == known.agent_name.strip().casefold()


def _as_output(found: User | Session | Token | Trade | Tipper) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(found).items()}


def _short(user: User) -> dict[str, Any]:
    return {name: value for name, value in asdict(user).items() if name not in _LONG}


def _limit(call: Call) -> int:
    return int(call.inputs["limit"])


def _text(call: Call, name: str) -> str:
    return str(call.inputs.get(name) or "")


def _usd(amount: float) -> str:
    return f"{amount:,.0f} USD" if amount >= 100 else f"{amount:.4g} USD"
