"""Specs of the public actions: no token is sent with their calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retake_flow.actions.spec_schemas import AGAIN_SLOWLY, COUNT, FLAG, NUMBER, TEXT
from retake_flow.flow.action_spec import ActionSpec

#: The errors of actions that call the platform without a token.
ASKED: Final = ("rejected", "rate_limited", "unavailable", "unreachable", "intercepted", "redirected",
                "unexpected_answer", "not_found", "input")  # fmt: skip

_Schema = Mapping[str, Any]
_LIMIT: Final = {
    "type": "integer",
    "minimum": 1,
    "maximum": 50,
    "default": 20,
    "description": "The maximum number of entries.",
}
_WHO: Final = {**TEXT, "minLength": 1, "description": "A userDbId."}
_ONE: Final = {**TEXT, "description": "The userDbId of one streamer; otherwise all."}
_WINDOW: Final = {"type": "string", "pattern": r"^\d+[mhd]$", "default": "24h", "description": "Of which time.",
                  "errorMessage": "write the time in minutes, hours or days, such as 30m, 24h or 7d"}  # fmt: skip
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
          {"query": {**TEXT, "minLength": 1}}),
    _list("live_users", "List who is on air, the most watched first.", "/users/live/", _USERS,
          {"others": {**FLAG, "default": False, "description": "Whether to leave out the agent itself."}}),
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
        inputs={"name": {**TEXT, "minLength": 1, "description": "A name, or a userDbId."}},
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
            "address": {**TEXT, "minLength": 1, "description": "Of the token."},
            "before": {"type": "object", "default": {}, "description": "An earlier result, to compare with."},
            "milestones": {"type": "array", "items": NUMBER, "default": [], "description": "Market caps, in USD."},
        },
        result={
            "address": TEXT, "ticker": TEXT, "price": NUMBER, "market_cap": NUMBER, "all_time_high": NUMBER,
            "growth_1h": NUMBER, "growth_6h": NUMBER, "growth_24h": NUMBER, "volume_24h": NUMBER,
            "volume_total": NUMBER, "earnings_24h": NUMBER, "earnings_total": NUMBER, "holders": COUNT,
            "changed": {**NUMBER, "description": "The largest change since then, in percent."},
            "changes": TEXT,
            "milestone": {**NUMBER, "description": "The highest one reached; 0 before the first."},
            "summary": TEXT,
        },
        errors=ASKED,
        retry=AGAIN_SLOWLY,
        requests=("GET /tokens/:address/stats",),
    ),
    _list("recent_trades", "List trades, the newest first.", "/trades/recent/[:token/]",
          ("trades", _TRADE),
          {"token": {**TEXT, "description": "The address of one token; otherwise all."},
           "cursor": {**TEXT, "description": "The `following` of an earlier page."}},
          frozenset({"token", "cursor"}), {"following": TEXT}),
    _list("top_volume", "List the tokens with the highest trading volume.", "/trades/top-volume/", _TOKENS,
          {"window": _WINDOW}),
    _list("top_count", "List the tokens with the most trades.", "/trades/top-count/", _TOKENS,
          {"window": _WINDOW}),
    _list("chat", "Read a user's chat, oldest first.", "/chat/", ("messages", _MESSAGE),
          {"streamer": _WHO, "before": {**TEXT, "description": "The id of a message; only older ones are read."}},
          frozenset({"before"})),
    _list("top_tippers", "List the largest tippers of a user.", "/chat/top-tippers", ("tippers", _TIPPER),
          {"streamer": _WHO}),
)  # fmt: skip
