"""An ingest that cannot be reached, or does not take the push, or throws it off: a person hears of it, and why."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_processes import Home, Running, at_home, gone, retake_tv, write_credentials

pytestmark = pytest.mark.real

ON_AIR = "broadcast/pushing/on_air"
TOKEN = "rtk_ingest_trouble_a_token"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of this test's own."""
    with at_home(tmp_path / "home") as home:
        yield home


def signed_off(running: Running) -> None:
    """Stop a run; it ends cleanly and leaves nothing."""
    running.process.send_signal(signal.SIGINT)
    assert running.finish() == 130
    gone(running.run)


@pytest.mark.parametrize(
    ("ingest", "kind", "words"),
    [
        ("rtmp://nowhere.invalid/app", "ingest_unreachable", "cannot be resolved: nowhere.invalid"),
        ("rtmp://127.0.0.1:1/app", "ingest_unreachable", "nothing listens"),
        ("rtmps://127.0.0.1:1/app", "ingest_unreachable", "nothing listens"),
        ("refuses", "push_refused", "refuses the push"),
    ],
)
def test_after_three_tries_a_notice_says_what_keeps_the_agent_off_the_air(
    home: Home, tmp_path: Path, ingest: str, kind: str, words: str
) -> None:
    """By a notice with the cause, once, by then with three keys and not more; `show` says it too."""
    options = tmp_path / "options.json"
    options.write_text(json.dumps({"ingest": ingest}))
    running = home.start("run", "go-live.yaml", "--rehearse", "--rehearsal-options", str(options))
    running.until("activity_ended", activity="broadcast/pushing:encoder", outcome=f"error.{kind}")
    notice = running.until("notice", kind="trouble")
    assert notice["message"].startswith("Not on air yet: three tries have failed")
    assert words in notice["message"]
    before = running.records[: running.records.index(notice)]
    assert sum(r["event"] == "state_entered" and r["state"] == "broadcast/stream_key" for r in before) == 3
    (stream,) = [line for line in home.call("show", "last").out.splitlines() if "not on air yet" in line]
    assert words in stream
    signed_off(running)
    assert sum(r["event"] == "notice" and r["kind"] == "trouble" for r in running.records) == 1


def test_another_machine_with_the_same_account_becomes_a_question(home: Home, tmp_path: Path) -> None:
    """Five fresh keys are replaced soon; the question says why, leaves the session alone, and the answer is heard."""
    owl = {"name": "Owl", "token": TOKEN, "user_id": "user_owl"}
    with retake_tv(tmp_path / "tv", {"agents": [owl], "viewers": []}) as tv:
        credentials = tmp_path / "credentials.json"
        write_credentials(credentials, "Owl", TOKEN, tv.address)
        running = home.start("run", "go-live.yaml", RETAKE_API_URL=tv.address, RETAKE_CREDENTIALS=str(credentials))
        for visit in range(1, 6):
            running.until("state_entered", state=ON_AIR, visit=visit)
            tv.ask("/api/v1/agent/rtmp", {}, TOKEN)
        asked = running.until("gate_opened", gate="broadcast/contested.1")
        assert "5 fresh stream keys were each replaced" in asked["message"]
        assert "another machine or program streams as the same agent" in asked["message"]
        assert tv.agent("Owl")["sessions"][-1]["ended"] is None
        assert home.call("answer", running.run, "broadcast/contested.1", "--decision", "again").code == 0
        running.until("state_entered", state=ON_AIR, visit=6)
        signed_off(running)
        assert tv.report()["keys"]["reused"] == 0
        assert tv.report()["broken_rules"] == []
