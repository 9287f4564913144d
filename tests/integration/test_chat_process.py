"""A lively chat over real processes: a run that reads it is killed in the middle, and another one goes on."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flow_processes import Home, Record, RetakeTv, at_home, retake_tv, waited, write_credentials

pytestmark = pytest.mark.real

TOKEN = "rtk_chat_process_a_token_1"
FLOW = """
flow: chat
initial: credentials
states:
  credentials: {do: credentials.load, transitions: {found: talk, missing: over}}
  talk:
    activities:
      chat:
        do: chat.respond
        every: 2s
        with: {since: 0, limits: {per_minute: 600}, responder: {command: [python3, brain.py], timeout: 2m}}
    transitions: {stop: over}
  over: {final: completed}
"""
# Answers each batch with the numbers of its messages.
BRAIN = """
import json, sys
for line in sys.stdin:
    numbers = [message["text"][:4] for message in json.loads(line)["messages"]]
    print(json.dumps({"replies": [" ".join(numbers)] if numbers else []}), flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a flow that does nothing but chat."""
    with at_home(tmp_path / "home") as home:
        (home.folder / "chat.yaml").write_text(FLOW)
        (home.folder / "brain.py").write_text(BRAIN)
        yield home


def _faults(dice: random.Random) -> list[dict[str, object]]:
    """Reading the chat fails every third time, by chance."""
    ways = [{"status": 503}, {"status": 500}, {"status": 429, "headers": {"Retry-After": "1"}}, {"drop": True}]
    numbers = [number for number in range(300) if dice.random() < 0.3]
    return [{"call": "GET /agent/stream/comments", "after": number, **dice.choice(ways)} for number in numbers]


def _write(platform: RetakeTv, texts: list[str], seconds: float) -> None:
    """Fifty viewers write, spread over some time."""
    began = time.monotonic()
    for number, text in enumerate(texts):
        due = began + seconds * number / len(texts)
        waited(lambda due=due: time.monotonic() >= due, "the time of a message", every=0.002)
        platform.ask("/_rehearsal/comments", {"name": f"viewer {number % 50}", "text": text})


@pytest.mark.parametrize(("shape", "realtime"), [("mixed", True), ("wrapped", False)])
def test_five_hundred_messages_over_a_process_that_is_killed(
    tmp_path: Path, home: Home, shape: str, realtime: bool
) -> None:
    """Each is read once and answered once, in order; the agent's own never."""
    options = {
        "agents": [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}],
        "viewers": [],
        "chat_shape": shape,
        "realtime": realtime,
        "comments_without_session": 200,
        "faults": _faults(random.Random(3)),
    }
    texts = [f"#{number:03} hello" for number in range(500)]
    with retake_tv(tmp_path / "platform", options) as platform:
        write_credentials(home.folder / ".config" / "retake" / "credentials.json", "owl", TOKEN, platform.address)
        home.environment["RETAKE_API_URL"] = platform.address
        first = home.start("run", str(home.folder / "chat.yaml"))
        first.until("activity_started")
        _write(platform, texts[:250], 5.0)
        run = first.run
        first.kill()
        second = home.start("resume", run)
        _write(platform, texts[250:], 5.0)
        waited(lambda: sum(r["event"] == "chat_message" for r in home.journal(run)) >= 500, "all messages")
        waited(lambda: _answered(platform) >= 500, f"all answers, after {_answered(platform)}")
        second.process.terminate()
        second.finish()
        own = [c["text"] for c in platform.agent("owl")["chat"] if c["agent"]]
        report = platform.report()
    read = [record for record in home.journal(run) if record["event"] == "chat_message"]
    assert [record["text"] for record in read] == texts
    assert (_unasked(report, read) > 5) == realtime  # how soon that is, `benchmarks/chat.py` measures
    assert " ".join(own).split() == [text[:4] for text in texts]
    assert TOKEN not in json.dumps(home.journal(run))


def _unasked(report: Any, read: list[Record]) -> int:
    """How many messages were in the journal before the chat was polled the next time."""
    began = datetime.fromisoformat(report["began"]).timestamp()
    written = {c["text"]: c["t"] for c in report["agents"][0]["chat"]}
    polls = [call["t"] for call in report["timeline"] if call["path"].endswith("/stream/comments")]
    spans = [(written[r["text"]], datetime.fromisoformat(r["t"]).timestamp() - began) for r in read]
    return sum(not any(since <= poll <= until for poll in polls) for since, until in spans)


def _answered(platform: RetakeTv) -> int:
    return sum(len(c["text"].split()) for c in platform.agent("owl")["chat"] if c["agent"])
