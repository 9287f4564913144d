"""The calls that anybody can make: where they go, what never goes with them, and every form of their answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retake_flow import errors
from retake_flow.api.public import Public
from retake_flow.api.public_models import User
from retake_flow.errors import RetakeFlowError

Look = Callable[[Public], Coroutine[Any, Any, Any]]

#: Each lookup, and the address that it asks, without the base.
LOOKUPS: dict[str, tuple[Look, str]] = {
    "search": (lambda public: public.search_users("Owl/1"), "users/search/Owl%2F1"),
    "live": (lambda public: public.live_users(), "users/live/"),
    "newest": (lambda public: public.newest_users(), "users/newest/"),
    "user": (lambda public: public.user("u1"), "users/metadata/u1"),
    "streamer": (lambda public: public.streamer("Night Owl"), "users/streamer/Night%20Owl"),
    "active": (lambda public: public.sessions("active"), "sessions/active/"),
    "active of one": (lambda public: public.sessions("active", "u1"), "sessions/active/u1/"),
    "recorded": (lambda public: public.sessions("recorded"), "sessions/recorded/"),
    "recorded of one": (lambda public: public.sessions("recorded", "u1"), "sessions/recorded/u1/"),
    "scheduled": (lambda public: public.sessions("scheduled"), "sessions/scheduled/"),
    "scheduled of one": (lambda public: public.sessions("scheduled", "u1"), "sessions/scheduled/u1/"),
    "top tokens": (lambda public: public.tokens("top"), "tokens/top/"),
    "trending": (lambda public: public.tokens("trending"), "tokens/trending/"),
    "stats": (lambda public: public.token_stats("So1"), "tokens/So1/stats"),
    "trades": (lambda public: public.recent_trades(), "trades/recent/?limit=50"),
    "trades of one": (lambda public: public.recent_trades("So1", 7, "c1"), "trades/recent/So1/?limit=7&cursor=c1"),
    "volume": (lambda public: public.most_traded("volume", 5), "trades/top-volume/?limit=5&window=24h"),
    "count": (lambda public: public.most_traded("count", 5, "1h"), "trades/top-count/?limit=5&window=1h"),
    "chat": (lambda public: public.chat("u1"), "chat/?streamer_id=u1&limit=50"),
    "chat before": (lambda public: public.chat("u1", 9, "m1"),
                    "chat/?streamer_id=u1&limit=9&before_chat_event_id=m1"),
    "tippers": (lambda public: public.top_tippers("u1"), "chat/top-tippers?streamer_id=u1"),
}  # fmt: skip
lookups = pytest.mark.parametrize("name", LOOKUPS)


def looked_up(platform: Any, look: Look, answer: object, *, token: str | None = None) -> Any:
    """What a lookup makes of an answer."""
    platform.answer(httpx.Response(200, content=json.dumps(answer).encode()))
    return platform.call(lambda client: look(client.public), **({"token": token} if token else {}))


@lookups
def test_no_token_goes_with_a_lookup(platform: Any, name: str) -> None:
    """Each asks the address of the platform's list by GET; also a client that has a token keeps it to itself."""
    look, address = LOOKUPS[name]
    looked_up(platform, look, {"user_id": "u1", "comments": [], "trades": [], "tippers": [], "sessions": []})
    (request,) = platform.requests
    assert (request.method, str(request.url)) == ("GET", f"https://retake.tv/api/v1/{address}")
    assert "authorization" not in request.headers
    assert "rtk_" not in str(request.url)


@lookups
def test_no_redirect_is_followed(platform: Any, name: str) -> None:
    """An answer that points elsewhere ends the lookup; nobody else is asked."""
    platform.answer(httpx.Response(302, headers={"location": "https://elsewhere.example/"}))
    with pytest.raises(errors.Redirected):
        platform.call(lambda client: LOOKUPS[name][0](client.public), token=None)
    assert len(platform.requests) == 1


@lookups
def test_a_failure_that_passes_may_be_tried_again(platform: Any, name: str) -> None:
    """Looking changes nothing, so it may be repeated, by whoever decides that; it is the platform's own fault."""
    platform.answer(httpx.Response(503))
    with pytest.raises(errors.Unavailable) as caught:
        platform.call(lambda client: LOOKUPS[name][0](client.public), token=None)
    assert len(platform.requests) == 1
    assert caught.value.may_repeat


@pytest.mark.parametrize(
    "answer",
    [
        [{"user_id": "u1", "username": "Owl"}],
        {"users": [{"userDbId": "u1", "fusername": "Owl"}]},
        {"data": [{"streamer_id": "u1", "agent_name": "Owl"}], "next_cursor": None},
        {"results": [None, "owl", {"user_id": "u1", "display_name": "Owl"}]},
        {"user_id": "u1", "username": "Owl"},
    ],
)
def test_people_are_found_in_every_form(platform: Any, answer: object) -> None:
    """A list may be bare, under a name, or a single entry; ids and names are called differently."""
    found = looked_up(platform, lambda public: public.search_users("owl"), answer)
    assert [(user.user_id, user.username) for user in found] == [("u1", "Owl")]


@pytest.mark.parametrize("answer", [[], {"users": []}, {"users": None}, None])
def test_nobody_is_an_empty_list(platform: Any, answer: object) -> None:
    """Where nobody is there, that is no error."""
    assert looked_up(platform, lambda public: public.live_users(), answer) == []


@pytest.mark.parametrize("answer", ["nobody", 7, {"count": 0}, {"users": "none"}, {"users": {"u1": {}}}])
def test_what_is_no_list_is_told(platform: Any, answer: object) -> None:
    """An answer in which no list can be found is unexpected, and not taken for an empty one."""
    with pytest.raises(errors.UnexpectedAnswer, match="about users is not a list"):
        looked_up(platform, lambda public: public.newest_users(), answer)


def test_fields_that_are_missing_are_empty(platform: Any) -> None:
    """Whatever is null, missing or of another type is "" or 0, and the rest is read."""
    links = ["https://x.com/owl", {"url": "https://o.example"}, None, 7]
    entry = {"user_id": 12, "username": None, "ticker": 5, "market_cap": "12.5", "viewers": "x", "is_live": "yes",
             "viewer_count": 3.0, "social_links": links}  # fmt: skip
    (user,) = looked_up(platform, lambda public: public.live_users(), [entry])
    assert user == User("12", "", "5", "", 12.5, 3, False, "", "", "", ("https://x.com/owl", "https://o.example", "7"))


def test_texts_are_one_line_that_no_terminal_obeys(platform: Any) -> None:
    """Names and texts of others lose control characters, sequences and line breaks, and are cut where they are long."""
    entry = {"user_id": "u1", "username": "\x1b[31mOwl\x1b]0;t\x07\n\u202eevil", "bio": "x" * 5000}
    (user,) = looked_up(platform, lambda public: public.live_users(), [entry])
    assert (user.username, len(user.bio)) == ("Owl evil", 280)
    assert user.bio.endswith("…")


@pytest.mark.parametrize("wrapped", [lambda it: it, lambda it: {"user": it}, lambda it: {"data": it}])
def test_one_person_may_be_wrapped(platform: Any, wrapped: Callable[[object], object]) -> None:
    """A profile stands bare or under a name; the session of somebody who streams is not taken for them."""
    profile = {"user_id": "u1", "username": "Owl", "session": {"id": "s1"}, "bio": "Night sky."}
    user = looked_up(platform, lambda public: public.user("u1"), wrapped(profile))
    assert (user.user_id, user.bio) == ("u1", "Night sky.")


def test_a_streamer_without_an_id_is_unexpected(platform: Any) -> None:
    """Whom nobody could write to was not found."""
    with pytest.raises(errors.UnexpectedAnswer, match="who that is"):
        looked_up(platform, lambda public: public.streamer("owl"), {"username": "owl"})


@pytest.mark.parametrize("answer", [{"session_id": "s1", "streamer_id": "u1", "started_at": "2026-01-01T00:00:00Z"},
                                    {"session": {}, "sessions": [{"session_id": "s1", "streamer": {"id": "u1"},
                                                                  "started_at": 1767225600000}]}])  # fmt: skip
def test_a_session_in_every_form(platform: Any, answer: object) -> None:
    """Of one streamer it may be the session itself; times are seconds, however they are written."""
    (session,) = looked_up(platform, lambda public: public.sessions("active", "u1"), answer)
    assert (session.session_id, session.streamer_id, session.started_at) == ("s1", "u1", 1767225600.0)


def test_whom_nobody_knows_has_no_session(platform: Any) -> None:
    """404 for one streamer says that there is none; 404 for the whole list stays an error."""
    platform.answer(httpx.Response(404, json={"error": "not found"}))
    assert platform.call(lambda client: client.public.sessions("active", "u1"), token=None) == []
    with pytest.raises(errors.NotFound):
        platform.call(lambda client: client.public.sessions("active"), token=None)


def test_stats_are_read_nested_and_flat(platform: Any) -> None:
    """Growth, volume and earnings stand in a mapping by span, or as fields of their own; both are read."""
    nested = {"current_price": "0.5", "current_market_cap": 1000, "growth": {"1h": 1, "24h": -3.5},
              "volume": {"total": 90, "24h": 9}, "earnings": {"total": 4, "24h": None}}  # fmt: skip
    flat = {"stats": {"price": 0.5, "marketCap": 1000, "growth_1h": 1, "growth_24h": -3.5, "volume_total": 90,
                      "volume_24h": 9, "earnings_total": 4}}  # fmt: skip
    first = looked_up(platform, lambda public: public.token_stats("So1"), nested)
    platform.answers.clear()
    assert first == looked_up(platform, lambda public: public.token_stats("So1"), flat)
    assert (first.price, first.market_cap, first.growth_24h, first.volume_24h) == (0.5, 1000.0, -3.5, 9.0)
    assert (first.growth_6h, first.earnings_24h, first.holders) == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("said", "side"),
    [
        ({"is_buy": True}, "buy"),
        ({"is_buy": False, "type": "buy"}, "sell"),
        ({"action": "SELL"}, "sell"),
        ({"type": "swap"}, ""),
        ({}, ""),
    ],
)
def test_sides_of_a_trade(platform: Any, said: dict[str, object], side: str) -> None:
    """Bought or sold, by a flag or a word; nothing else is guessed."""
    page = looked_up(platform, lambda public: public.recent_trades(), {"trades": [said], "next_cursor": 17})
    assert ([trade.side for trade in page.trades], page.following) == ([side], "17")


def test_no_list_is_longer_than_asked_for(platform: Any) -> None:
    """A platform that sends more trades than were asked for is cut short."""
    page = looked_up(platform, lambda public: public.recent_trades(limit=2), [{"amount": n} for n in range(50)])
    assert [trade.usd for trade in page.trades] == [0.0, 1.0]


def test_anybodys_chat_is_read_like_ones_own(platform: Any) -> None:
    """The public chat stands under `chats`, newest first, and comes oldest first."""
    entries = [{"chat_event_id": str(n), "text": f"t{n}", "timestamp": str(1_700_000_000_000 + n)} for n in (3, 2, 1)]
    found = looked_up(platform, lambda public: public.chat("u1"), {"chats": entries})
    assert [message.text for message in found] == ["t1", "t2", "t3"]


@pytest.mark.parametrize(
    "look",
    [
        lambda public: public.search_users(" "),
        lambda public: public.streamer(".."),
        lambda public: public.token_stats(""),
        lambda public: public.chat(""),
        lambda public: public.recent_trades(limit=0),
        lambda public: public.most_traded("count", 101),
    ],
)
def test_what_cannot_be_meant_is_not_sent(platform: Any, look: Look) -> None:
    """No name, a name that would be another path, and a limit that the platform has not are refused before a call."""
    with pytest.raises(errors.InputError):
        platform.call(lambda client: look(client.public), token=None)
    assert platform.requests == []


_NAMES = ["users", "sessions", "trades", "chats", "comments", "data", "user_id", "streamer_id", "username", "growth",
          "24h", "timestamp", "next_cursor", "social_links", "session_id", "is_buy", "_id"]  # fmt: skip


@lookups
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
        max_leaves=8,
    )
)
def test_any_answer_is_read_or_told(platform: Any, name: str, value: object) -> None:
    """No answer whatever ends a lookup in another way than with what it says, or an error of ours."""
    platform.answers.clear()
    with suppress(RetakeFlowError):
        looked_up(platform, LOOKUPS[name][0], value)
