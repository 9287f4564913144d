"""Streams, chats, people, tokens and trades as anybody can look them up; most are of neighbours."""

import asyncio
from dataclasses import replace
from random import Random

import httpx
import pytest

from retake_flow.errors import UsageError
from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.persistence import next_part
from retake_flow.rehearsal.setup.option_fields import Fields
from retake_flow.rehearsal.setup.options import Neighbour, Options
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.rehearsal.state.platform import Platform

LARK = Neighbour(
    "Lark",
    viewers=12,
    title="Morning songs",
    description="sings",
    user_id="user_lark",
    scheduled=(("Evening songs", 3600.0),),
    chat=(Cue(60.0, "ade", text="good morning"),),
)
QUIET = Neighbour("Quiet", live=False, user_id="user_quiet")


@pytest.fixture
def town(make):
    """Night Owl, a neighbour on air and one who is not."""
    return make(neighbours=(LARK, QUIET))


def get(platform, *paths):
    """What the platform answers without a token."""

    async def main():
        transport = httpx.ASGITransport(create_app(platform))
        async with httpx.AsyncClient(transport=transport, base_url="http://platform/api/v1") as client:
            return [(await client.get(path)).json() for path in paths]

    return asyncio.run(main())


def on_air(platform, clock):
    """Night Owl goes live."""
    owl = platform.agents.by_id("user_owl")
    key = platform.issue_key(owl)
    platform.start(owl)
    platform.publish(key.value.reveal()).video()
    clock.passes(1)
    return owl


def test_a_neighbour_is_on_air_without_video(town):
    """Who is live is listed with viewers; who is not, is only known."""
    live, newest, quiet = get(town, "/users/live/", "/users/newest/", "/users/streamer/quiet")
    assert [(user["username"], user["viewers"], user["is_live"]) for user in live] == [("Lark", 12, True)]
    assert [user["username"] for user in newest] == ["Quiet", "Lark", "Night Owl"]
    assert (quiet["streamer_id"], quiet["is_live"], quiet["viewers"]) == ("user_quiet", False, 0)


def test_who_has_opened_a_session_is_live_where_that_is_wanted(town):
    """Nobody knows whether the real platform lists somebody before there is video."""
    town.start(town.agents.by_id("user_owl"))
    (before,) = get(town, "/users/live/")
    town.options = replace(town.options, live_users="start")
    (after,) = get(town, "/users/live/")
    assert [user["username"] for user in before] == ["Lark"]
    assert {("Lark", True), ("Night Owl", False)} == {(user["username"], user["is_live"]) for user in after}


def test_metadata_tell_more_of_one(town):
    """What somebody tells of themselves, their token and how many follow them, by userDbId."""
    town.viewers.perform(town.agents.by_id("user_lark"), Cue(0, "mira", "follow"))
    (lark,) = get(town, "/users/metadata/user_lark")
    assert (lark["bio"], lark["followers"], lark["ticker"]) == ("sings", 1, "LARK")
    assert lark["token_address"]


@pytest.mark.parametrize("shape", ["users", "list"])
def test_a_search_answers_in_either_shape(make, shape):
    """A search has its list under `users`, or bare."""
    (answer,) = get(make(neighbours=(LARK,), search_shape=shape), "/users/search/LAR")
    found = answer["users"] if shape == "users" else answer
    assert [user["username"] for user in found] == ["Lark"]


def test_sessions_are_active_then_recorded(town, clock):
    """A session is listed as active while it lasts and as recorded when it was live and is over."""
    owl = on_air(town, clock)
    (own,) = get(town, "/sessions/active/user_owl/")
    assert [(session["streamer_id"], session["status"]) for session in own["sessions"]] == [("user_owl", "active")]
    town.stop(owl)
    active, recorded, nothing = get(town, "/sessions/active/", "/sessions/recorded/", "/sessions/recorded/user_lark/")
    assert [(each["title"], each["viewers"]) for each in active["sessions"]] == [("Morning songs", 12)]
    assert [(each["streamer_id"], each["status"]) for each in recorded["sessions"]] == [("user_owl", "ended")]
    assert nothing == {"sessions": []}


def test_announced_streams_are_listed_until_they_begin(town, clock):
    """A scheduled stream is told with its time, and no longer when that has come."""
    (before,) = get(town, "/sessions/scheduled/user_lark/")
    clock.passes(3601)
    (after,) = get(town, "/sessions/scheduled/")
    assert [each["title"] for each in before["sessions"]] == ["Evening songs"]
    assert after == {"sessions": []}


def test_anybodys_chat_can_be_read_and_paged(town):
    """The chat of a neighbour holds what stood there and what a guest writes, newest first."""
    town.say(town.agents.by_id("user_owl"), "user_lark", "hello neighbour")
    (page,) = get(town, "/chat/?streamer_id=user_lark&limit=1")
    (rest,) = get(town, f"/chat/?streamer_id=user_lark&before_chat_event_id={page[0]['chat_event_id']}")
    assert [entry["text"] for entry in page + rest] == ["hello neighbour", "good morning"]


def test_who_has_tipped_most_comes_first(town):
    """Tips of one person are added up."""
    lark = town.agents.by_id("user_lark")
    for name, amount in (("mira", 3.0), ("ade", 5.0), ("mira", 4.0)):
        town.viewers.perform(lark, Cue(0, name, "tip", amount=amount))
    (answer,) = get(town, "/chat/top-tippers?streamer_id=user_lark")
    told = [(tipper["username"], tipper["total_amount"], tipper["tip_count"]) for tipper in answer["tippers"]]
    assert told == [("mira", 7.0, 2), ("ade", 5.0, 1)]


def test_a_frozen_status_is_frozen_for_everybody(town, clock):
    """What the platform says of a stream in its lists is what it says to the agent."""
    on_air(town, clock).frozen = (False, float("inf"))
    (live,) = get(town, "/users/live/")
    assert [user["username"] for user in live] == ["Lark"]


def test_neighbours_are_the_same_when_a_rehearsal_goes_on(town, clock):
    """Ids and addresses that were made up are kept, and neighbours do not become agents with a token."""
    kept = Options.from_mapping(next_part(town).as_json())
    assert len(kept.agents) == 1
    again = Platform(kept, clock, Random(1))
    for name in ("Lark", "Quiet"):
        before, after = town.agents.by_name(name), again.agents.by_name(name)
        assert (after.user_id, after.token_address, after.agent_id) == (
            before.user_id,
            before.token_address,
            before.agent_id,
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "the field 'name' is missing"),
        ({"name": "Lark", "stats": {"fame": 5}}, "neighbours[0].stats: there is no field 'fame'"),
        ({"name": "Lark", "scheduled": [{"title": "x"}]}, "neighbours[0].scheduled[0]: the field 'in' is missing"),
        ({"name": "Lark", "token": "rtk_x"}, "there is no field 'token'"),
    ],
)
def test_a_neighbour_that_cannot_be_meant_is_refused(value, message):
    """A mistake is told with its place."""
    with pytest.raises(UsageError) as error:
        Neighbour.read(Fields(value, "neighbours[0]"))
    assert message in error.value.message


SMALL = Neighbour("Small", token_address="SMALL", stats={"market_cap": 1_000.0, "growth_24h": 40.0, "price": 0.5})
BIG = Neighbour("Big", ticker="BIG", token_address="BIG", stats={"market_cap": 9_000.0, "volume": 50.0, "holders": 7})


def answers(platform, *paths):
    """The platform's answers without a token."""

    async def main():
        transport = httpx.ASGITransport(create_app(platform))
        async with httpx.AsyncClient(transport=transport, base_url="http://platform/api/v1") as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(main())


@pytest.fixture
def market(make, clock):
    """A platform with two tokens beside Night Owl, who has none yet."""
    platform = make(neighbours=(SMALL, BIG))
    for number in range(3):
        clock.passes(1)
        act(platform, "Small", f"trader-{number}", "buy", 100.0)
    clock.passes(1)
    act(platform, "Big", "trader-0", "sell", 1_000.0)
    return platform


def act(platform, agent, trader, side, amount):
    """Have somebody trade an agent's token."""
    platform.viewers.perform(platform.agents.by_name(agent), Cue(0, trader, "trade", amount=amount, side=side))


def test_stats_follow_what_was_given_and_what_was_traded(market):
    """A purchase raises the market cap by its worth, a sale lowers it; growth, volume and holders follow."""
    small, big = (answer.json() for answer in answers(market, "/tokens/SMALL/stats", "/tokens/BIG/stats"))
    assert (small["current_market_cap"], small["all_time_high"], small["holders"]) == (1_300.0, 1_300.0, 3)
    assert small["growth"]["24h"] == pytest.approx(70.0)
    assert small["current_price"] == pytest.approx(0.65)
    assert (big["current_market_cap"], big["all_time_high"], big["holders"]) == (8_000.0, 9_000.0, 7)
    assert (big["volume"], big["ticker"]) == ({"24h": 1_050.0, "total": 1_050.0}, "BIG")


def test_lists_of_tokens_are_sorted_by_what_they_are_about(market):
    """By market cap, by growth, by volume, by number of trades; as many as are asked for."""
    order = [
        [token["token_address"] for token in answer.json()["tokens"]]
        for answer in answers(
            market, "/tokens/top/", "/tokens/trending/", "/trades/top-volume/", "/trades/top-count/?limit=1"
        )
    ]
    assert order == [["BIG", "SMALL"], ["SMALL", "BIG"], ["BIG", "SMALL"], ["SMALL"]]


def test_yesterdays_trades_count_for_no_day(market, clock):
    """After a day they are part of the whole volume only."""
    clock.passes(86_401)
    (answer,) = answers(market, "/tokens/BIG/stats")
    assert answer.json()["volume"] == {"24h": 50.0, "total": 1_050.0}


def test_trades_are_paged_by_cursor(market):
    """Newest first, each trade once, of all tokens or of one; the last page has no cursor."""
    first, second = answers(market, "/trades/recent/?limit=3", "/trades/recent/SMALL/")
    assert [trade["token_address"] for trade in first.json()["trades"]] == ["BIG", "SMALL", "SMALL"]
    (rest,) = answers(market, f"/trades/recent/?limit=3&cursor={first.json()['next_cursor']}")
    assert (len(rest.json()["trades"]), rest.json()["next_cursor"]) == (1, None)
    assert [trade["trader_username"] for trade in second.json()["trades"]] == ["trader-2", "trader-1", "trader-0"]
    assert first.json()["trades"][0]["is_buy"] is False


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tokens/NOBODY/stats", 404),
        ("/trades/recent/?cursor=nope", 404),
        ("/trades/recent/?limit=0", 400),
        ("/tokens/top/?limit=many", 400),
        ("/tokens/top", 404),
    ],
)
def test_what_is_not_there_is_told_by_its_status(market, path, status):
    """Unknown tokens and cursors, limits that are none, and paths without their slash."""
    (answer,) = answers(market, path)
    assert answer.status_code == status
