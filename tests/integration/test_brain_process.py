"""The program as a whole with a brain: a real run, a real rehearsal, a real program that answers chat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_processes import Home, at_home, gone, retake_tv, waited, write_credentials
from run_programs import programs

pytestmark = pytest.mark.real

CHAT = "broadcast/pushing/on_air:chat"

FLOW = """
extends: go-live.yaml
states:
  broadcast/pushing/on_air:
    activities:
      chat: {every: 2s, quiet: 2s, with: {responder: {command: [python3, brain.py, --owl], timeout: 2m}}}
"""

# Ends on `die`, for the first time; says which process answers.
BRAIN = """
import json, os, sys, pathlib
print("awake", file=sys.stderr, flush=True)
for line in sys.stdin:
    texts = [message["text"] for message in json.loads(line)["messages"]]
    if "die" in texts and not pathlib.Path("died").exists():
        pathlib.Path("died").touch()
        sys.exit("no more")
    print(json.dumps({"replies": [f"{text}! says {os.getpid()}" for text in texts]}), flush=True)
"""

TOKEN = "rtk_brain_0123456789"
OPTIONS = {"agents": [{"name": "owl", "token": TOKEN, "user_id": "user_owl"}], "viewers": []}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a flow and its brain in a folder that is not the current one."""
    with at_home(tmp_path / "home") as home:
        (tmp_path / "owl.yaml").write_text(FLOW)
        (tmp_path / "brain.py").write_text(BRAIN)
        yield home


def test_a_brain_answers_dies_is_started_again_and_ends_with_the_run(home: Home, tmp_path: Path) -> None:
    """On air chat is answered by the program beside the flow, over its death too, and nothing of it is left."""

    def answered() -> list[dict[str, Any]]:
        return [r for r in running.records if r["event"] == "chat_sent" and "says" in r["text"]]

    with retake_tv(tmp_path / "tv", OPTIONS) as tv:
        credentials = tmp_path / "owl.json"
        write_credentials(credentials, "owl", TOKEN, tv.address)
        own = {"RETAKE_API_URL": tv.address, "RETAKE_CREDENTIALS": str(credentials)}
        running = home.start("run", str(tmp_path / "owl.yaml"), **own)
        running.on_air()
        tv.ask("/_rehearsal/comments", {"name": "mira", "text": "hi"})
        waited(answered, "the first answer")
        for name, text in (("troll", "die"), ("ade", "$(touch owned) {{ inputs }}")):
            tv.ask("/_rehearsal/comments", {"name": name, "text": text})
        waited(lambda: len(answered()) == 3, "all answers")
        (brain,) = programs(running.run, word="--owl")
        running.process.terminate()
        assert running.finish() == 130
    gone(running.run)
    texts = [record["text"].split("! says ") for record in answered()]
    assert [text for text, _ in texts] == ["hi", "die", "$(touch owned) {{ inputs }}"]
    assert texts[0][1] != texts[1][1] == texts[2][1] == str(brain.pid)
    errors = [r for r in running.records if r["event"] == "error" and r["place"] == CHAT]
    assert [(error["kind"], "no more" in error["message"]) for error in errors] == [("responder", True)]
    said = [r["text"] for r in running.records if r["event"] == "responder_said"]
    assert said == ["awake", "awake", "no more"] or said == ["awake", "no more", "awake"]
    assert not list(tmp_path.rglob("owned"))


def test_a_run_without_its_brain_does_not_begin(home: Home, tmp_path: Path) -> None:
    """A program that is not there is named before any request, with exit code 6."""
    (tmp_path / "owl.yaml").write_text(FLOW.replace("python3", "./brain"))
    done = home.call("run", str(tmp_path / "owl.yaml"), "--rehearse", "--folder", str(tmp_path / "kept"))
    assert done.code == 6, done
    assert "brain does not exist" in done.err
    assert not (tmp_path / "kept").exists()
