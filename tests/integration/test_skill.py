"""The skill: valid by its format, and enough for an agent that knows nothing else to take a stream through."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from flow_processes import WITHIN, Home, Record, at_home, gone
from run_programs import program
from skills_ref import validate

ROOT = Path(__file__).resolve().parents[2]
SKILL = ROOT / "skills" / "retake-flow"
TEXT = (SKILL / "SKILL.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S) for line in block.splitlines()]
INLINE = re.findall(r"`(retake-flow [^`]+)`", TEXT)
POST = "https://x.com/owl/status/1860000000000000001"
VIEWERS = [{"at": 2 * number, "name": f"viewer{number}", "text": f"question {number}"} for number in range(1, 6)]


def test_the_skill_is_valid_and_short() -> None:
    """By the format's own validator; under 5,000 tokens, of about four characters."""
    assert validate(SKILL) == []
    assert len(TEXT) < 4 * 5000


def test_it_is_printed_and_installed(tmp_path: Path) -> None:
    """`skill` prints it, `skill --install` writes it where agents look."""
    with at_home(tmp_path / "home") as home:
        assert home.call("skill").out == TEXT
        assert home.call("skill", "--install", str(tmp_path / "skills"), "--json").code == 0
        assert (tmp_path / "skills" / "retake-flow" / "SKILL.md").read_text(encoding="utf-8") == TEXT
        victim = tmp_path / "victim"
        victim.write_text("precious")
        for plant in ("link", "pipe"):
            file = tmp_path / plant / "retake-flow" / "SKILL.md"
            file.parent.mkdir(parents=True)
            file.symlink_to(victim) if plant == "link" else os.mkfifo(file)
            assert home.call("skill", "--install", str(tmp_path / plant)).code == 0
            assert (file.read_text(encoding="utf-8"), victim.read_text()) == (TEXT, "precious")
        assert home.call("skill", "--install", "/dev/null", "--json").records[0]["kind"] == "usage"


class Agent:
    """An agent with a shell that knows the commands of the skill and nothing else."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known = {*COMMANDS, *INLINE}
        self.used: set[str] = set()

    def do(self, command: str, fine: tuple[int, ...] = (0,), **put: str) -> Record:
        """Give a command of the skill, with words put in place of its own; gives what it says."""
        assert command in self._known, f"the skill does not know {command!r}"
        self.used.add(command)
        _, *words = shlex.split(command)
        words = [word for name in words for word in shlex.split(put.get(name, shlex.quote(name)))]
        done = self._home.call(*words)
        assert done.code in fine, f"{command}: {done}"
        return done.records[-1] if done.records else {}


@pytest.mark.real
def test_the_skill_is_enough_to_take_a_stream_through(tmp_path: Path) -> None:
    """Unverified, asked, answered, on air, five rounds of chat, directed, healed, stopped, figures."""
    with at_home(tmp_path / "home") as home:
        agent = Agent(home)
        options = home.folder / "options.json"
        options.write_text(json.dumps({"verified": False, "tweets": {POST: "{message}"}, "viewers": VIEWERS}))
        rehearsed = f"agent.yaml --rehearse --rehearsal-options {options}"
        assert agent.do("retake-flow doctor --json")["ready"]
        begun = agent.do(
            "retake-flow run agent.yaml --name show --detach --json", fine=(4,), **{"agent.yaml": rehearsed}
        )
        run = str(begun["run"])
        assert "Code: " in agent.do("retake-flow gates show --json")["message"]
        answered = agent.do(
            "retake-flow answer show --decision posted tweet_url=https://x.com/… --json",
            **{"tweet_url=https://x.com/…": f"tweet_url={POST}"},
        )
        assert not answered["driven"]
        live = agent.do("retake-flow resume show --detach --json")
        assert live["on_air"], live

        read: list[str] = []
        seen = agent.do("retake-flow chat show --wait 50s --json")
        while True:
            read += [message["text"] for message in seen["messages"]]
            greeting = agent.do('retake-flow reply show "Hi mira, good to see you" --json')
            assert greeting["said"], greeting
            if len(read) == len(VIEWERS):
                break
            seen = agent.do("retake-flow chat show --after LAST --wait 50s --json", LAST=seen["last"])
        assert read == [viewer["text"] for viewer in VIEWERS]

        assert agent.do('retake-flow send show direction --set to="a quiz about space" --json')["taken"]
        assert agent.do("retake-flow send show extend --set by=30m --json")["taken"]
        last = str(agent.do("retake-flow events show --after N --wait 50s --json", N="0")["number"])
        encoder = program(run, "ffmpeg", "flv")
        assert encoder is not None
        encoder.kill()
        back = home.call("wait", "show", "--until", "notice", "--after", last, "--json").records[0]
        assert back["met"] == "notice", back
        assert agent.do("retake-flow wait show --until on-air --until gate --within 50s --json")["met"]
        status = agent.do("retake-flow status show --json")
        assert (status["on_air"], status["stats"]["recoveries"] >= 1) == (True, True), status
        agent.do('retake-flow say show "Back in five minutes" --json')
        agent.do("retake-flow runs --json")
        agent.do("retake-flow flows --json")
        agent.do("retake-flow stop show --json")
        over = agent.do("retake-flow status show --json")
        assert (over["outcome"], over["stats"]["messages"]) == ("completed", len(VIEWERS)), over
        gone(run, WITHIN)
        assert {*COMMANDS, *INLINE} - agent.used == {
            "retake-flow run agent.yaml --rehearse --name rehearsal --detach --json",
            "retake-flow status rehearsal --json",
            "retake-flow stop rehearsal --json",
        }
