"""Tokens and trades as anybody can look them up."""

import asyncio

import httpx
import pytest

from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.setup.neighbours import Neighbour
from retake_flow.rehearsal.setup.viewer_script import Cue

SMALL = Neighbour("Small", token_address="SMALL", stats={"market_cap": 1_000.0, "growth_24h": 40.0, "price": 0.5})
BIG = Neighbour("Big", ticker="BIG", token_address="BIG", stats={"market_cap": 9_000.0, "volume": 50.0, "holders": 7})


def get(platform, *paths):
    """What the platform answers without a token."""

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
    platform.perform(platform.agents.by_name(agent), Cue(0, trader, "trade", amount=amount, side=side))


def test_stats_follow_what_was_given_and_what_was_traded(market):
    """A purchase raises the market cap by its worth, a sale lowers it; growth, volume and holders follow."""
    small, big = (answer.json() for answer in get(market, "/tokens/SMALL/stats", "/tokens/BIG/stats"))
    assert (small["current_market_cap"], small["all_time_high"], small["holders"]) == (1_300.0, 1_300.0, 3)
    assert small["growth"]["24h"] == pytest.approx(70.0)
    assert small["current_price"] == pytest.approx(0.65)
    assert (big["current_market_cap"], big["all_time_high"], big["holders"]) == (8_000.0, 9_000.0, 7)
    assert (big["volume"], big["ticker"]) == ({"24h": 1_050.0, "total": 1_050.0}, "BIG")


def test_lists_of_tokens_are_sorted_by_what_they_are_about(market):
    """By market cap, by growth, by volume, by number of trades; as many as are asked for."""
    order = [
        [token["token_address"] for token in answer.json()["tokens"]]
        for answer in get(
            market, "/tokens/top/", "/tokens/trending/", "/trades/top-volume/", "/trades/top-count/?limit=1"
        )
    ]
    assert order == [["BIG", "SMALL"], ["SMALL", "BIG"], ["BIG", "SMALL"], ["SMALL"]]


def test_yesterdays_trades_count_for_no_day(market, clock):
    """After a day they are part of the whole volume only."""
    clock.passes(86_401)
    (answer,) = get(market, "/tokens/BIG/stats")
    assert answer.json()["volume"] == {"24h": 50.0, "total": 1_050.0}


def test_trades_are_paged_by_cursor(market):
    """Newest first, each trade once, of all tokens or of one; the last page has no cursor."""
    first, second = get(market, "/trades/recent/?limit=3", "/trades/recent/SMALL/")
    assert [trade["token_address"] for trade in first.json()["trades"]] == ["BIG", "SMALL", "SMALL"]
    (rest,) = get(market, f"/trades/recent/?limit=3&cursor={first.json()['next_cursor']}")
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
    (answer,) = get(market, path)
    assert answer.status_code == status
