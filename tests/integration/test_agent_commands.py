"""An agent with a shell whose commands end after a minute takes a stream through, by commands alone."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
from pathlib import Path

import psutil
import pytest
from flow_processes import WITHIN, Home, at_home, command, gone, waited
from run_programs import lives

pytestmark = pytest.mark.real

POST = "https://x.com/owl/status/1860000000000000001"
VIEWERS = [{"at": second, "name": name, "text": f"hi from {name}"} for second, name in ((2, "mira"), (4, "kenji"))]
#: For commands that wait: their usual limit is that of an agent's shell, not of a slow machine.
PATIENTLY = ("--within", "150s")


def start(home: Home, name: str, options: object) -> dict[str, object]:
    """Start a stream from a shell on a terminal; both are gone at once, as by kill -9, and all that hangs on them."""
    file = home.folder / "options.json"
    file.write_text(json.dumps(options))
    words = command("run", "go-live.yaml", "--rehearse", "--rehearsal-options", str(file), "--name", name)
    shown, code = home.folder / "shown", home.folder / "code"
    detached = shlex.join([*words, "--detach", *PATIENTLY, "--json"])
    script = f"{detached} >{shown}; echo $? >{code}.new; mv {code}.new {code}; sleep 900"
    shell, terminal = pty.fork()
    if not shell:
        os.execvpe("sh", ["sh", "-c", script], home.environment)
    waited(code.exists, "the starter to return", 2 * WITHIN)
    os.killpg(shell, signal.SIGKILL)
    os.close(terminal)
    os.waitpid(shell, 0)
    return {**json.loads(shown.read_text()), "code": int(code.read_text())}


def test_an_agent_goes_live_by_commands_that_end(tmp_path: Path) -> None:
    """Unverified, so a person is asked; answered, on air, chat read, a hang-up survived, stopped, and pruned."""
    with at_home(tmp_path / "home") as home:
        asked = start(home, "show", {"verified": False, "tweets": {POST: "{message}"}, "viewers": VIEWERS})
        assert (asked["code"], asked["on_air"], asked["pid"]) == (4, False, None)
        run = str(asked["run"])
        assert run.startswith("show-")
        gone(run, WITHIN)
        [question] = home.call("gates", "show", "--json").records
        assert "Code: " in question["message"]
        assert home.call("status", "show").code == 4
        assert home.call("wait", "show", "--until", "on-air", "--json").code == 4

        answered = home.call("answer", "show", "--decision", "posted", f"tweet_url={POST}", "--json")
        assert (answered.code, answered.records[0]["effect"]) == (0, "queued"), str(answered)
        resumed = home.call("resume", "show", "--detach", *PATIENTLY, "--json")
        assert resumed.code == 0, str(resumed)
        [live] = resumed.records
        assert live["on_air"]
        driver = psutil.Process(int(live["pid"]))
        assert os.getsid(driver.pid) == driver.pid
        assert driver.terminal() is None
        driver.send_signal(signal.SIGHUP)
        whole, _, _ = Path(live["log"]).read_text().rpartition("\n")  # the last line may just be being written
        log = [json.loads(line) for line in whole.splitlines()]
        assert [one["number"] for one in log] == list(range(1, len(log) + 1))
        assert [one["event"] for one in log if one["event"].startswith("run_")][:3] == [
            *("run_started", "run_suspended", "run_resumed")
        ]

        first = home.call("chat", "show", "--wait", "50s", "--json").records[0]
        assert first["messages"][0]["author"] == "mira"
        assert first["messages"][0]["newcomer"]
        more = home.call("chat", "show", "--after", first["last"], "--wait", "50s", "--json").records[0]
        assert not {one["id"] for one in first["messages"]} & {one["id"] for one in more["messages"]}
        assert home.call("chat", "show", "--after", "nothing", "--json").code == 2
        assert home.call("reply", "show", "Hello", "--to", "nothing", "--json").code == 2
        assert home.call("reply", "show", "Hello, mira", "--to", first["last"], "--json").code == 0
        [sent] = home.call("events", "show", "--kind", "chat_sent", "--json").records[-1:]
        assert (sent["text"], sent["answers"]) == ("Hello, mira", [first["last"]])

        half = home.call("events", "show", "--limit", "40", "--json").records
        rest = home.call("events", "show", "--after", str(half[-1]["number"]), "--json").records
        assert [record["number"] for record in half + rest] == list(range(1, len(half + rest) + 1))
        met = home.call("wait", "show", "--until", "message", "--after", "1", "--json").records[0]
        assert met["met"] == "message"

        status = home.call("status", "show", "--json")
        assert (status.code, len(status.out.encode()) <= 1024) == (0, True), status.out
        assert status.records[0]["on_air"]

        other = {"RETAKE_CREDENTIALS": str(home.folder / "other.json")}
        assert home.call("status", "last", "--json").records[0]["run"] == run
        assert home.call("status", "last", "--json", **other).records[0]["kind"] == "run_unknown"

        stopping = home.call("stop", "show", "--within", "0s", "--json").records[0]
        waiting = f"retake-flow wait {run} --until ended --within 50s --json"
        assert (stopping["effect"], stopping["next"][0]) == ("queued", waiting)
        over = home.call("wait", "show", "--until", "ended", *PATIENTLY, "--json").records[0]
        gone(run, WITHIN)
        waited(lambda: not lives(driver), f"the end of {driver}")
        stopped = home.call("stop", "show", "--json").records[0]
        assert stopped["effect"] == "done"
        assert (over["met"], over["outcome"], over["on_air"]) == ("ended", "completed", False)
        stats = over["stats"]
        assert (stats["messages"] >= 2, stats["authors"] >= 1, stats["streams"]) == (True, True, 1)
        end = home.call("events", "show", "--kind", "run_ended", "--json").records[-1]
        assert stats == stopped["stats"] == end["stats"] == home.call("show", "show", "--json").records[0]["stats"]
        assert home.call("wait", "show", "--until", "message", "--json").code == 1
        assert home.call("prune", "--older-than", "0s").code == 0
        assert list((home.state / "logs").iterdir()) == []


def test_a_detached_run_that_cannot_begin_says_why(tmp_path: Path) -> None:
    """The error and the exit code are those of a run in the foreground."""
    with at_home(tmp_path / "home") as home:
        (home.folder / "bin").mkdir()
        words = ("run", "go-live.yaml", "--rehearse")
        bare = {"PATH": str(home.folder / "bin")}
        shown, hidden = home.call(*words, "--json", **bare), home.call(*words, "--detach", "--json", **bare)
        assert hidden.code == shown.code == 6
        assert hidden.records[0]["message"] == shown.records[-1]["message"]
        assert home.call("run", "nothing.yaml", "--detach", "--json").code == home.call("run", "nothing.yaml").code
        assert home.call("run", "go-live.yaml", "--name", "last", "--json").records[0]["kind"] == "usage"
        [begun] = home.call(*words, "--detach", "--within", "0s", "--json").records
        assert home.call("status", "last", "--json").records[0]["run"] == begun["run"]  # from the first moment on
        assert home.call("kill", "last", "--json").records[0]["effect"] == "done"
