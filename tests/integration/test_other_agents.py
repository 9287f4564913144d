"""The flows that look around: by the program itself, against a retake.tv on loopback that outlives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_processes import Home, RetakeTv, at_home, retake_tv, write_credentials

pytestmark = pytest.mark.real

TOKEN = "rtk_neighbour_that_nobody_may_see_01"
LARK = {"name": "day-lark", "viewers": 3, "user_id": "user_lark", "stats": {"market_cap": 20_000, "growth_24h": 12.0}}
FOX = {"name": "red-fox", "viewers": 12, "user_id": "user_fox", "ticker": "FOX", "stats": {"growth_24h": 140.0}}
OWL = {"name": "night-owl", "token": TOKEN, "user_id": "user_owl", "token_address": "So1anaTokenOfTheNightOwl"}


@pytest.fixture
def tv(tmp_path: Path) -> Iterator[RetakeTv]:
    """A retake.tv with an owl of ours, and two neighbours on air."""
    with retake_tv(tmp_path / "tv", {"agents": [OWL], "neighbours": [LARK, FOX], "viewers": []}) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, tv: RetakeTv) -> Iterator[Home]:
    """Somebody's home who has the owl's credentials."""
    credentials = tmp_path / "home" / "owl.json"
    write_credentials(credentials, "night-owl", TOKEN, tv.address)
    with at_home(tmp_path / "home", RETAKE_API_URL=tv.address, RETAKE_CREDENTIALS=str(credentials)) as made:
        yield made


def written(tv: RetakeTv, name: str) -> list[str]:
    """The messages of our agent in the chat of another."""
    return [comment["text"] for comment in tv.agent(name)["chat"] if comment["name"] == "night-owl"]


def test_discovering_is_anonymous(tv: RetakeTv, home: Home) -> None:
    """The operator reads who is there, and the outputs keep it; no call bears the token."""
    done = home.call("run", "discover.yaml", "--json")
    assert done.code == 0, done
    [notice] = [record["message"] for record in done.records if record["event"] == "notice"]
    assert notice.startswith("On air: red-fox (12 watching), day-lark (3 watching)\nNew: ")
    assert "FOX (+140 %)" in notice
    outputs = json.loads(home.call("show", "last", "--json").out)["outputs"]
    assert [user["user_id"] for user in outputs["live"]["users"]] == ["user_fox", "user_lark"]
    calls = [f"{call['method']} {call['path']}" for call in tv.report()["timeline"]]
    assert calls == [f"GET /api/v1/{path}" for path in ("users/live/", "users/newest/", "tokens/trending/")]


def test_a_raid_is_made_once_a_day(tv: RetakeTv, home: Home) -> None:
    """The second run of the day, another process with a store of its own, finds its own words and says none."""
    first = home.call("run", "raid.yaml", "--json", "--set", 'messages=["Hoo!", "Bye."]', "--set", "pause=10ms")
    assert (first.code, first.records[-1]["outcome"]) == (0, "completed"), first
    again = home.call("run", "raid.yaml", "--json", RETAKE_FLOW_STATE=str(home.folder / "other"))
    assert (again.code, again.records[-1]["outcome"]) == (0, "been_there"), again
    other = home.call("run", "raid.yaml", "--json", "--set", "agent=day-lark", "--set", 'messages=["Morning."]')
    assert (other.code, other.records[-1]["outcome"]) == (0, "completed"), other
    assert (written(tv, "red-fox"), written(tv, "day-lark")) == (["Hoo!", "Bye."], ["Morning."])


def test_a_heart_beats_on_after_a_crash(tv: RetakeTv, home: Home) -> None:
    """Killed between two beats and resumed it rests on, without another beat; stopped, it leaves nothing."""
    running = home.start("run", "heartbeat.yaml")
    running.until("state_entered", state="resting")
    run = running.run
    running.kill()
    resumed = home.start("resume", run)
    resumed.until("run_resumed")
    home.call("stop", run)
    assert resumed.finish() == 0
    journal: list[dict[str, Any]] = home.journal(run)
    assert [r["visit"] for r in journal if r["event"] == "state_entered" and r["state"] == "beat"] == [1]
    [stats] = [r["result"] for r in journal if r["event"] == "action_finished" and r["state"] == "beat/stats"]
    assert stats["price"] > 0
    assert (journal[-1]["event"], journal[-1]["outcome"]) == ("run_ended", "completed")
