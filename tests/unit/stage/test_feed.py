"""Records in, the state of the page out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import jsonschema
import pytest

from retake_flow.errors import StudioError
from retake_flow.redact import Secret
from retake_flow.run.records import record
from retake_flow.stage.feed import AGAIN, ALERT_SECONDS, MOST_MESSAGES, UPDATE_PACE, Feed, presenting
from retake_flow.stage.stage_settings import Pictures
from retake_flow.whatif.virtual_time import run

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "stage.schema.json").read_text())
T = 1_796_000_000.0


def message(author: str, text: str, at: float = T, **more: object):
    """The record of a message."""
    return record("chat_message", at, **{"id": "1", "author": author, "kind": "message", "text": text, **more})


def shown(text: str):
    """The record of a line that a flow shows."""
    return record("action_started", T, state="s", visit=1, attempt=1, action="studio.show", inputs={"text": text})


def fed(*records, agent: str = "Night Owl") -> Feed:
    """A feed that has heard records."""
    feed = Feed(agent, Pictures(Path(__file__).parent))
    for each in records:
        feed.on_record(each)
    return feed


def state(feed: Feed, at: float = T) -> dict:
    """The state of a feed, valid and plain JSON."""
    found = feed.state(at)
    jsonschema.validate(found, SCHEMA)
    assert json.loads(json.dumps(found)) == found
    return found


def test_chat_with_newcomers_tips_follows_and_replies():
    """Chat with newcomers tips follows and replies."""
    found = state(
        fed(
            message("ines", "hi"),
            record("event_raised", T, name="first_message", data={"author": "ines"}, by="chat"),
            message("0xBea", "for parts", kind="tip", amount=2.5, currency="RETAKE"),
            record("chat_deed", T, id="3", author="marlow", kind="follow"),
            record("chat_sent", T, text="Welcome, ines!"),
            record("chat_sent", T, text="to another channel", to="7"),
            record("activity_result", T, activity="h", visit=1, outcome="done", result={"viewers": 12}),
        )
    )
    assert [(entry["kind"], entry["author"], entry.get("new", False)) for entry in found["chat"]] == [
        ("message", "ines", True),
        ("tip", "0xBea", False),
        ("follow", "marlow", False),
        ("agent", "Night Owl", False),
    ]
    assert found["viewers"] == 12
    assert found["ticker"] == ["Latest tip: 0xBea, 2.5 RETAKE", "Latest follower: marlow"]


def test_alerts_show_one_after_the_other_and_end():
    """Alerts show one after the other and end."""
    feed = fed(message("a", "x", kind="tip", amount=1), record("chat_deed", T + 1, id="2", author="b", kind="follow"))
    assert state(feed, T + 1)["alert"]["author"] == "a"
    assert feed.due(T + 1) == T + 8
    assert state(feed, T + 8)["alert"]["author"] == "b"
    assert state(feed, T + 16)["alert"] is None
    assert feed.due(T + 16) is None


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<b>x</b>", "<b>x</b>"),
        ("\x1b[31mred\x1b[0m\x07", "red"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\ud800", ""),
        ("x" * 5000, "x" * 500),
        ("👩‍🚀 مرحبا", "👩‍🚀 مرحبا"),
    ],
)
def test_texts_of_viewers_are_text(text: str, seen: str):
    """Texts of viewers are text."""
    found = state(fed(message(text, text)))
    assert found["chat"][0]["text"].strip("?") == seen
    assert "\u202e" not in found["chat"][0]["author"]


def test_no_secret_reaches_the_page():
    """No secret reaches the page."""
    Secret("rtk_0123456789abcdef")
    feed = fed(message("rtk_0123456789abcdef", "it is rtk_0123456789abcdef"))
    feed.on_record(shown("key rtk_0123456789abcdef"))
    feed.speaks("r t k _ 0 1 2 3 4 5 6 7 8 9 a b c d e f", T)
    feed.begin({"title": "rtk_0123456789abcdef", "ticker": ["cnRrXzAxMjM0NTY3ODlhYmNkZWY="]})
    text = json.dumps(state(feed))
    assert "0123456789" not in text
    assert "cnRr" not in text
    assert "0 1 2 3" not in text


def test_only_the_latest_is_kept():
    """Only the latest is kept."""
    feed = fed(*(message("a", f"{number}") for number in range(500)))
    for number in range(500):
        feed.on_record(shown(f"line {number}"))
    found = state(feed)
    assert len(found["chat"]) == MOST_MESSAGES
    assert found["chat"][-1]["text"] == "499"
    assert found["log"][-1]["text"] == "line 499"


def test_what_a_flow_sets_is_merged_and_taken_back():
    """What a flow sets is merged and taken back."""
    feed = fed()
    feed.begin({"title": "Hello", "ticker": ["first"], "theme": {"accent": "red"}})
    feed.on_record(record("scene_set", T, to="brb", data={"title": "A radio", "note": "n", "unknown": 1}))
    assert state(feed)["scene"] == "brb"
    feed.on_record(record("scene_set", T, to="", data={"note": "", "ticker": "next", "theme": {"text": "white"}}))
    found = state(feed)
    assert (found["title"], found["ticker"]) == ("A radio", ["next"])
    assert found["theme"] == {"accent": "red", "text": "white"}
    assert (found["scene"], "note" in found) == ("starting", False)


def test_what_an_operator_sets_covers_it_for_a_while():
    """What an operator sets covers it for a while."""
    feed = fed(record("scene_set", T, data={"title": "A radio"}))
    feed.on_record(record("scene_set", T, request=1, by="ann", data={"title": "Break"}, to="brb", **{"for": 60}))
    feed.on_record(record("scene_set", T, data={"title": "A valve"}))
    assert (state(feed)["title"], state(feed)["scene"]) == ("Break", "brb")
    assert feed.due(T) == T + 60
    assert (state(feed, T + 60)["title"], state(feed)["scene"]) == ("A valve", "starting")
    feed.on_record(record("scene_set", T, request=2, by="ann", data={"title": "Again"}))
    assert state(feed, T + 3600)["title"] == "Again"
    feed.on_record(record("scene_set", T, request=3, by="ann", clear=True))
    assert state(feed)["title"] == "A valve"


PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "by", "seen"),
    [
        ("a.png", {}, True),
        ("../b.png", {}, False),
        ("../b.png", {"request": 1}, True),
        ("data:image/png;base64,AAAA", {}, True),
        ("c.txt", {}, False),
        ("none.png", {"request": 1}, False),
        ("huge.png", {}, False),
    ],
)
def test_a_flow_shows_pictures_of_its_folder_and_an_operator_any(name: str, by: dict, seen: bool, tmp_path: Path):
    """A flow shows pictures of its folder and an operator any."""
    (tmp_path / "flow").mkdir()
    for file, data in {
        "flow/a.png": PNG,
        "b.png": PNG,
        "flow/c.txt": b"text",
        "flow/huge.png": PNG + bytes(10**6),
    }.items():
        (tmp_path / file).write_bytes(data)
    feed = Feed("owl", Pictures(tmp_path / "flow"))
    feed.on_record(record("scene_set", T, data={"title": "A radio", "picture": name}, **by))
    found = state(feed)
    assert found.get("picture", "").startswith("data:image/png;base64,") is seen
    assert found["title"] == "A radio"


def test_an_operators_page_is_over_the_stage_for_its_time():
    """A page ends when its own time is over, whatever else is set meanwhile; a flow cannot set one in this way."""
    page, by = "https://example.org/", {"request": 1, "by": "ann"}
    feed = fed(record("scene_set", T, data={"page": page}))
    assert feed.page(T) == ""
    feed.on_record(record("scene_set", T, data={"page": page}, **by, **{"for": 60}))
    feed.on_record(record("scene_set", T + 1, data={"title": "A radio"}, **by))
    assert (feed.page(T + 59), feed.due(T + 1)) == (page, T + 60)
    assert "page" not in state(feed)
    assert (feed.page(T + 60), state(feed, T + 60)["title"]) == ("", "A radio")
    feed.on_record(record("scene_set", T + 61, data={"page": page}, **by))
    assert feed.page(T + 62) == page
    feed.on_record(record("scene_set", T + 63, clear=True, **by))
    assert feed.page(T + 63) == ""
    feed.on_record(record("scene_set", T + 64, data={"page": page}, **by))
    feed.on_record(record("stop_requested", T + 65, reason=""))
    assert feed.page(T + 65) == ""


def test_the_past_is_read_when_the_stage_is_first_shown():
    """A stage after a resume knows the chat; a run without a stage reads and keeps nothing."""
    past = [message("ines", "before"), record("scene_set", T, data={"title": "A radio"})]
    reads = []
    feed = Feed("owl", Pictures(Path()), lambda: reads.append(1) or past)
    feed.on_record(message("kit", "is in the journal too"))
    assert reads == []
    assert state(feed)["chat"] == []
    feed.recall()
    feed.recall()
    feed.on_record(message("kit", "after"))
    found = state(feed)
    assert [entry["text"] for entry in found["chat"]] == ["before", "after"]
    assert (found["title"], reads) == ("A radio", [1])


@pytest.mark.parametrize(
    "damaged",
    [
        {"event": "chat_message"},
        {"t": "never", "event": "chat_message", "author": "a", "kind": "message"},
        {"t": "2026-11-30T00:00:00.000Z", "event": "event_raised", "name": "first_message", "data": None},
        {"t": "2026-11-30T00:00:00.000Z", "event": "activity_ready", "activity": []},
    ],
)
def test_a_damaged_record_changes_nothing(damaged):
    """A damaged record changes nothing."""
    assert state(fed(damaged))["chat"] == []


def test_captions_follow_the_voice_and_end_with_it():
    """Captions follow the voice and end with it."""
    feed = fed()
    feed.speaks("word " * 60, T)
    first, due = state(feed)["caption"], feed.due(T)
    assert first
    assert due is not None
    assert state(feed, due)["caption"]
    assert state(feed, T + 600)["caption"]  # the last piece stays while it is spoken
    feed.speaks("", T + 600)
    assert state(feed, T + 600)["caption"] == ""


def test_every_change_is_announced():
    """Every change is announced."""
    changes = []
    feed = fed()
    feed.changed = lambda: changes.append(1)
    feed.on_record(message("a", "x"))
    feed.speaks("x", T)
    feed.begin({})
    assert len(changes) == 3


T = 1_796_000_000.0


class Screen:
    """A page that fails a few times."""

    def __init__(self, failures: int = 0) -> None:
        self.states: list[dict] = []
        self.times: list[float] = []
        self.failures = failures

    async def update(self, state) -> None:
        self.times.append(now())
        if self.failures:
            self.failures -= 1
            raise StudioError("the page does not answer")
        self.states.append(state)


def now() -> float:
    """The time of the test."""
    return T + asyncio.get_running_loop().time()


def follow(feed: Feed, screen: Screen) -> None:
    """The records of a tip."""
    feed.on_record(record("chat_message", now(), id="1", author="a", kind="tip", amount=1, text="x"))


def test_a_flood_is_one_update_each_tenth_of_a_second_and_alerts_end_by_themselves():
    """A flood is one update each tenth of a second and alerts end by themselves."""
    screen, feed = Screen(), Feed("owl", Pictures(Path()))

    async def scenario() -> None:
        async with presenting(feed, screen.update, now):
            await asyncio.sleep(1)
            for number in range(1000):
                feed.on_record(record("chat_message", now(), id="1", author="a", kind="message", text=str(number)))
                await asyncio.sleep(0.001)
            assert len(screen.states) < 1 / UPDATE_PACE + 4
            follow(feed, screen)
            await asyncio.sleep(1)
            assert screen.states[-1]["alert"] is not None
            await asyncio.sleep(ALERT_SECONDS)
            assert screen.states[-1]["alert"] is None
        assert feed.changed() is None

    run(scenario())
    assert screen.states[0]["chat"] == []


def test_a_page_that_fails_is_given_the_state_again():
    """A page that fails is given the state again."""
    screen, feed = Screen(failures=3), Feed("owl", Pictures(Path()))

    async def scenario() -> None:
        async with presenting(feed, screen.update, now):
            await asyncio.sleep(4 * AGAIN)

    run(scenario())
    assert len(screen.states) == 1
    assert len(screen.times) == 4
