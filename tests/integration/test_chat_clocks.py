"""Chat over real processes on a host whose clock is off, in the shapes that say least about who the agent is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_processes import Home, RetakeTv, at_home, retake_tv, waited, write_credentials
from wall_clock import WallClock, needed

pytestmark = [pytest.mark.real, needed]

TOKEN = "rtk_chat_clocks_a_token_1"
FLOW = """
flow: chat
initial: credentials
states:
  credentials: {do: credentials.load, transitions: {found: verification, missing: over}}
  verification:
    do: retake.verification_status
    transitions: {done: {to: opening, set: {since: "{{ now }}"}}, error: over}
  opening:
    do: chat.send
    with: {message: "I'm live. What should we explore today?"}
    transitions: {done: talk, error: over}
  talk:
    activities:
      chat:
        do: chat.respond
        every: 2s
        with:
          since: "{{ vars.since }}"
          limits: {per_minute: 600}
          responder: {command: [python3, brain.py], timeout: 2m}
    transitions: {stop: over}
  over: {final: completed}
"""
# Answers each message, with words that it never says again.
BRAIN = """
import json, sys
for line in sys.stdin:
    texts = [message["text"] for message in json.loads(line)["messages"]]
    replies = [f"Thank you for {text!r}, which is the best that I have read today" for text in texts]
    print(json.dumps({"replies": replies}), flush=True)
"""


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    """The wall clock of the run alone; the platform has the right time."""
    return WallClock(tmp_path / "clock")


@pytest.fixture
def home(tmp_path: Path, clock: WallClock) -> Iterator[Home]:
    """A home with a flow that does nothing but chat, on a host with that clock."""
    with at_home(tmp_path / "home", **clock.variables) as home:
        (home.folder / "chat.yaml").write_text(FLOW)
        (home.folder / "brain.py").write_text(BRAIN)
        yield home


def says(platform: RetakeTv, text: str) -> None:
    """Have a viewer write something."""
    platform.ask("/_rehearsal/comments", {"name": "mira", "text": text})


def own(platform: RetakeTv) -> list[str]:
    """The messages of the agent."""
    return [comment["text"] for comment in platform.agent("Night Owl")["chat"] if comment["agent"]]


def answered(platform: RetakeTv, text: str, times: int = 1) -> None:
    """Wait until the agent has answered a text."""
    waited(lambda: sum(repr(text) in said for said in own(platform)) >= times, f"an answer to {text!r}", every=0.2)


@pytest.mark.parametrize(("off", "date", "realtime"), [(75, False, False), (-86400, True, True)])
def test_each_message_of_a_viewer_is_answered_once(
    tmp_path: Path, home: Home, clock: WallClock, off: int, date: bool, realtime: bool
) -> None:
    """History is not, the agent itself is not, also over kill -9 and what an operator says; a repetition is."""
    options: dict[str, Any] = {
        "agents": [{"name": "Night Owl", "token": TOKEN, "user_id": "user_owl"}],
        "viewers": [],
        "history": [{"name": "zoe", "text": "before", "at": 3}, {"name": "zoe", "text": "long before"}],
        "chat_shape": "documented",
        "chat_names": "slug",
        "message_ids": False,
        "comments_without_session": 200,
        "realtime": realtime,
        "date": date,
    }
    clock.set(off)
    with retake_tv(tmp_path / "platform", options) as platform:
        write_credentials(home.folder / ".config" / "retake" / "credentials.json", "Owl", TOKEN, platform.address)
        home.environment["RETAKE_API_URL"] = platform.address
        first = home.start("run", str(home.folder / "chat.yaml"))
        first.until("activity_started")
        says(platform, "hi")
        answered(platform, "hi")
        # Without the library, under which Python cannot sleep by a clock that is left alone.
        said = home.call("say", first.run, "Greetings from the operator of this stream!", "--chat", LD_PRELOAD="")
        assert said.code == 0, said
        first.kill()
        second = home.start("resume", first.run)
        second.until("activity_result")
        says(platform, "hi")
        answered(platform, "hi", 2)
        says(platform, "I'm live. What should we explore today?")
        answered(platform, "I'm live. What should we explore today?")
        quiet(second, platform)
        second.process.terminate()
        second.finish()
        written = own(platform)
    assert not any("before" in text for text in written)
    assert len(written) == 5, written  # the opening, what the operator said, three answers


def quiet(running: Any, platform: RetakeTv) -> None:
    """Wait until chat was read several times with nothing new in it."""
    before, number = own(platform), len(running.records)
    began = time.monotonic()
    waited(lambda: sum(r["event"] == "activity_result" for r in running.records[number:]) >= 5, "readings", every=0.1)
    assert own(platform) == before, time.monotonic() - began
