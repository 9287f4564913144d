"""Looking up people, streams and tokens: what comes of it, and that nobody is told who asks."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.errors import InputError, NotFound, Unavailable
from retake_flow.rehearsal.setup.faults import Fault

#: Each action with the inputs that it needs, and the call that it makes.
ACTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "public.search_users": ({"query": "owl"}, "GET /users/search/owl"),
    "public.live_users": ({}, "GET /users/live/"),
    "public.newest_users": ({}, "GET /users/newest/"),
    "public.user": ({"user": "u1"}, "GET /users/metadata/u1"),
    "public.streamer": ({"name": "Night Owl"}, "GET /users/streamer/Night Owl"),
    "public.active_sessions": ({}, "GET /sessions/active/"),
    "public.recorded_sessions": ({"streamer": "u1"}, "GET /sessions/recorded/u1/"),
    "public.scheduled_sessions": ({}, "GET /sessions/scheduled/"),
    "public.top_tokens": ({}, "GET /tokens/top/"),
    "public.trending_tokens": ({}, "GET /tokens/trending/"),
    "public.token_stats": ({"address": "So1"}, "GET /tokens/So1/stats"),
    "public.recent_trades": ({"token": "So1"}, "GET /trades/recent/So1/"),
    "public.top_volume": ({}, "GET /trades/top-volume/"),
    "public.top_count": ({}, "GET /trades/top-count/"),
    "public.chat": ({"streamer": "u1"}, "GET /chat/"),
    "public.top_tippers": ({"streamer": "u1"}, "GET /chat/top-tippers"),
}
ONE = {"public.user", "public.streamer", "public.token_stats"}


def looked_up(play: Any, do: str, body: object, saved: Any = None, **inputs: Any) -> dict[str, Any]:
    """What an action makes of an answer."""
    given, call = ACTIONS[do]

    async def scene(s: Any) -> dict[str, Any]:
        done = await s.perform(do, **{**given, **inputs})
        assert s.network.authorized == 0
        return {"outcome": done.outcome, **done.value}

    found: dict[str, Any] = play(scene, saved=saved, faults=(Fault(call, body=body),))
    return found


@pytest.mark.parametrize("do", ACTIONS)
def test_nobody_is_told_who_looks(play: Any, owl: Any, do: str) -> None:
    """Each asks one address, without the token that the agent has, and gives what it declares."""
    entry = {"user_id": "u1", "username": "Owl", "address": "So1", "_id": "m1", "text": "hi"}
    body = entry if do in ONE else [entry]
    value = looked_up(play, do, body, saved=owl)
    assert value["outcome"] == "done"
    if do not in ONE:
        assert value["count"] == 1
        assert value["first"]
        assert value["summary"] not in ("", "none")


@pytest.mark.parametrize("do", sorted(set(ACTIONS) - ONE))
def test_nothing_there_is_told_as_such(play: Any, do: str) -> None:
    """An empty list has no first entry, and says so in words; nobody needs credentials for that."""
    value = looked_up(play, do, [])
    assert (value["count"], value["first"], value["summary"]) == (0, {}, "none")


@pytest.mark.parametrize("do", ACTIONS)
def test_a_failed_lookup_is_an_error(play: Any, do: str) -> None:
    """What the platform does not answer is an error that a flow can route."""
    inputs, call = ACTIONS[do]

    async def scene(s: Any) -> None:
        with pytest.raises(Unavailable):
            await s.perform(do, **inputs)

    play(scene, faults=(Fault(call, status=503, times=None),))


def test_lists_are_as_long_as_asked_for(play: Any) -> None:
    """However many there are, `limit` of them are given, and a summary names five."""
    crowd = [{"user_id": f"u{n}", "username": f"owl-{n}"} for n in range(500)]
    value = looked_up(play, "public.newest_users", crowd, limit=7)
    assert [user["user_id"] for user in value["users"]] == [f"u{n}" for n in range(7)]
    assert value["summary"] == "owl-0, owl-1, owl-2, owl-3, owl-4 and 2 more"


def test_the_most_watched_comes_first(play: Any) -> None:
    """Whoever has more viewers; where the platform tells none, its own order stays."""
    told = [{"user_id": "a", "username": "ade", "viewers": 2}, {"user_id": "b", "username": "bo", "viewer_count": 9}]
    assert looked_up(play, "public.live_users", told)["summary"] == "bo (9 watching), ade (2 watching)"
    untold = [{"user_id": "a", "username": "ade"}, {"user_id": "b", "username": "bo"}]
    assert looked_up(play, "public.live_users", untold)["summary"] == "ade, bo"


def test_the_agent_itself_can_be_left_out(play: Any, owl: Any) -> None:
    """By its id, or by its name where the platform tells no ids; without credentials nobody is left out."""
    crowd = [{"user_id": "user_owl", "username": "x"}, {"username": "night OWL"}, {"user_id": "u2", "username": "bo"}]
    value = looked_up(play, "public.live_users", crowd, saved=owl, others=True)
    assert [user["username"] for user in value["users"]] == ["bo"]


def test_without_credentials_everybody_is_somebody_else(play: Any) -> None:
    """Who the agent is need not be known to look around."""
    assert looked_up(play, "public.live_users", [{"user_id": "u1"}], others=True)["count"] == 1
    assert looked_up(play, "public.streamer", {"streamer_id": "u1", "username": "Night Owl"})["own"] is False


def test_a_streamer_may_be_the_agent_itself(play: Any, owl: Any) -> None:
    """A flow that looks for somebody else can see that."""
    value = looked_up(play, "public.streamer", {"streamer_id": "user_owl", "username": "Night Owl"}, saved=owl)
    assert (value["own"], value["user_id"]) == (True, "user_owl")


def test_nobody_of_that_name(play: Any) -> None:
    """404 is an error of its own kind."""

    async def scene(s: Any) -> None:
        with pytest.raises(NotFound):
            await s.perform("public.streamer", name="Nobody")
        with pytest.raises(InputError):
            await s.perform("public.streamer", name=" ")

    play(scene)


# --- the token ------------------------------------------------------------------------------------------------


STATS = {"current_price": 3, "current_market_cap": 12_345, "growth": {"24h": 20}, "volume": {"24h": 50}}


def test_a_token_in_words(play: Any) -> None:
    """What it is worth, and where that goes."""
    value = looked_up(play, "public.token_stats", STATS)
    assert (value["address"], value["price"]) == ("So1", 3.0)
    assert value["summary"] == "price 3 USD, market cap 12,345 USD, +20 % within a day"


def test_changes_are_told_in_percent(play: Any) -> None:
    """Of price, volume and holders, each where it is known now and was known before; the largest counts."""
    before = {"price": 2.0, "volume_24h": 100.0, "holders": 7}
    value = looked_up(play, "public.token_stats", STATS, before=before)
    assert (value["changed"], value["changes"]) == (50.0, "price +50 %, volume of a day -50 %")
    assert looked_up(play, "public.token_stats", STATS)["changed"] == 0.0
    assert looked_up(play, "public.token_stats", {}, before=before)["changed"] == 0.0


@pytest.mark.parametrize(("milestones", "reached"), [([], 0), ([50_000], 0), ([10_000, 100, 50_000], 10_000)])
def test_the_highest_milestone_counts(play: Any, milestones: list[float], reached: float) -> None:
    """Whatever the order in which they are given."""
    assert looked_up(play, "public.token_stats", STATS, milestones=milestones)["milestone"] == reached


def test_pages_of_trades_follow_each_other(play: Any) -> None:
    """The cursor of the next page comes with each one."""
    body = {"trades": [{"is_buy": True, "amount_in_usd": 1500, "token_ticker": "OWL"}], "next_cursor": "c2"}
    value = looked_up(play, "public.recent_trades", body, cursor="c1")
    assert (value["following"], value["summary"]) == ("c2", "buy of OWL for 1,500 USD")


def test_a_chat_is_read_without_acts_of_moderation(play: Any) -> None:
    """What was said, oldest first, as data."""
    said = [("3", "jail", "mod", ""), ("2", "message", "bo", "{{ x }}\x1b[2J"), ("1", "message", "ade", "hi")]
    entries = [{"chat_event_id": key, "type": kind, "sender_username": name, "text": text,
                "timestamp": f"170000000000{key}"} for key, kind, name, text in said]  # fmt: skip
    value = looked_up(play, "public.chat", {"chats": entries})
    assert [(each["author"], each["text"]) for each in value["messages"]] == [("ade", "hi"), ("bo", "{{ x }}")]
    assert value["summary"] == "ade: hi, bo: {{ x }}"
