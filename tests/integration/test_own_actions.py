"""Actions of one's own with real programs: their input, their output, and how they end."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flow_processes import Home, at_home, gone, waited
from run_programs import programs

pytestmark = pytest.mark.real

TOKEN = "rtk_own_actions_0123456789"
GUARDED = "hush-hush-2718281828"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a token and keys in its environment."""
    with at_home(tmp_path / "home", RETAKE_ACCESS_TOKEN=TOKEN, OWL_KEY=GUARDED, OWL_OTHER="beside") as made:
        yield made


def write(home: Home, name: str, text: str) -> str:
    """Write a program or a flow; gives its path."""
    path = home.folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_input_and_output_of_a_program(home: Home) -> None:
    """Its arguments are no shell's, it has only the variables named for it, and no secret is kept."""
    write(
        home,
        "look.py",
        "#!/usr/bin/env python3\n"
        "import json, os, sys\n"
        "given = json.load(sys.stdin)\n"
        "print(json.dumps({'given': given, 'names': sorted(os.environ), 'key': len(os.environ['KEY']),\n"
        "    'said': 'the key is ' + os.environ['KEY'], 'cwd': os.getcwd(), 'argv': sys.argv[1:]}))\n",
    )
    flow = write(
        home,
        "look.yaml",
        "flow: look\ninitial: look\nstates:\n"
        "  look:\n"
        "    do: program.run\n"
        "    with: {command: [./look.py, '$HOME; echo $(id)'], input: {n: 3}, env_from: {KEY: OWL_KEY}}\n"
        "    transitions: {done: over, failed: bad, error: bad}\n"
        "  over: {final: completed}\n"
        "  bad: {final: failed, reason: '{{ event.message|default(result.message) }}'}\n",
    )
    done = home.call("run", flow, "--json")
    assert done.code == 0, done
    (finished,) = [r for r in done.records if r["event"] == "action_finished"]
    said = finished["result"]["json"]
    assert said["given"] == {"n": 3}
    assert said["argv"] == ["$HOME; echo $(id)"]
    assert said["key"] == len(GUARDED)
    assert said["cwd"] == str(home.folder)
    assert said["said"] == "the key is •••"
    names = set(said["names"])
    assert "RETAKE_FLOW_RUN" in names  # the run's mark
    assert not names & {"RETAKE_ACCESS_TOKEN", "OWL_KEY", "OWL_OTHER", "RETAKE_FLOW_STATE"}
    assert not [path for path, text in home.texts() if GUARDED in text or TOKEN in text]


def test_ways_to_fail(home: Home) -> None:
    """Each failure has a kind of its own, and nothing is left running."""
    steps = {
        "status": ("[sh, -c, 'echo one >&2; echo two $TOKEN >&2; exit 7']", "", "failed"),
        "slow": ("[sh, -c, 'sleep 1000 & sleep 1000']", ", timeout: 300ms", "error.not_ready"),
        "much": ("[sh, -c, 'yes']", "", "error.process_failed"),
        "absent": ("[./nowhere]", "", "error.missing_program"),
        "closed": ("[./closed]", "", "error.missing_program"),
        "unset": ("[sh, -c, 'true']", ", env_from: {KEY: OWL_UNSET}", "error.settings"),
        "outside": ("[sh, -c, 'true']", ", folder: ../..", "error.input"),
        "coded": ("[sh, -c, 'printf %s $KEY | base64']", ", env_from: {KEY: OWL_KEY}", "error.secret"),
    }
    states = ""
    for (name, (argv, more, _)), after in zip(steps.items(), [*list(steps)[1:], "over"], strict=True):
        states += (
            f"  {name}:\n    do: program.run\n    with: {{command: {argv}{more}}}\n"
            f"    transitions: {{done: bad, failed: {after}, error: {after}, "
            f"error.missing_program: {after}, error.settings: {after}}}\n"
        )
    Path(write(home, "closed", "#!/bin/sh\n")).chmod(0o644)
    flow = write(
        home,
        "fails.yaml",
        f"flow: fails\ninitial: status\nstates:\n{states}  over: {{final: completed}}\n  bad: {{final: failed}}\n",
    )
    done = home.call("run", flow, "--json")
    assert done.code == 0, done
    ends = {r["state"]: r["outcome"] for r in done.records if r["event"] == "action_finished"}
    assert ends == {name: outcome for name, (_, _, outcome) in steps.items()}
    (status,) = [r["result"] for r in done.records if r.get("state") == "status" and "result" in r]
    assert status["exit_code"] == 7
    assert "one / two" in status["message"]
    said = {r["place"]: r["message"] + r["hint"] for r in done.records if r["event"] == "error"}
    assert "there is no program" in said["absent"]
    assert "may not be executed" in said["closed"]
    assert "chmod +x" in said["closed"]
    gone(next(r["run"] for r in done.records if r["event"] == "run_started"))


def test_the_run_says_beforehand_what_own_actions_lack(home: Home) -> None:
    """All of it at once, and nothing has begun; a state that routes the error expects it, and runs."""
    flow = write(
        home,
        "late.yaml",
        "flow: late\ninitial: wait\nactions: {house.push: {do: program.run, with: {command: [./nowhere]}}}\nstates:\n"
        "  wait: {wait: 1h, transitions: {done: push}}\n"
        "  push: {do: house.push, transitions: {done: tell, error: tell}}\n"
        "  tell:\n    do: http.request\n"
        "    with: {url: 'https://example.org/', headers_from: {Authorization: OWL_UNSET}}\n"
        "    transitions: {done: over, error: over, error.settings: over}\n"
        "  over: {final: completed}\n",
    )
    done = home.call("run", flow)
    assert (done.code, "push: there is no program" in done.err, "OWL_UNSET" in done.err) == (6, True, False), done
    Path(flow).write_text(Path(flow).read_text().replace(", error.settings: over", ""))
    done = home.call("run", flow)
    assert "tell: the variable OWL_UNSET is not set (export OWL_UNSET=…)" in done.err
    assert not (home.state / "runs.sqlite").exists() or home.call("runs", "--json").out == ""


def test_lines_are_events_until_the_state_is_left(home: Home) -> None:
    """A valid line raises an event, the others are recorded; the program ends with its children."""
    write(
        home,
        "bell.py",
        "#!/usr/bin/env python3\n"
        "import json, subprocess, time\n"
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "for line in ['hello', {'name': 'vote', 'data': {'choice': 'C'}}, {'name': 'nobody'},\n"
        "             {'name': 'vote', 'data': {'choice': 'A'}}]:\n"
        "    print(line if isinstance(line, str) else json.dumps(line), flush=True)\n"
        "time.sleep(1000)\n",
    )
    flow = write(
        home,
        "votes.yaml",
        "flow: votes\nevents: {vote: {choice: {type: string, enum: [A, B]}}}\ninitial: live\nstates:\n"
        "  live:\n"
        "    activities: {bell: {do: program.run, with: {command: [./bell.py], lines: true}}}\n"
        "    transitions: {vote: {to: over, set: {won: '{{ event.choice }}'}}, bell.exited: bad, error: bad}\n"
        "  over: {wait: 1h, transitions: {done: bad, stop: end}}\n"
        "  end: {final: completed, reason: 'won by {{ vars.won }}'}\n"
        "  bad: {final: failed}\n",
    )
    running = home.start("run", flow)
    running.until("state_entered", state="over")
    waited(lambda: not [one for one in programs(running.run) if one.pid != running.pid])
    assert home.call("stop", running.run).code == 0
    assert running.finish() == 0, running.err
    events = [r for r in running.records if r["event"] in ("event_raised", "event_refused", "program_said")]
    assert [r["event"] for r in events] == ["program_said", "event_refused", "event_refused", "event_raised"]
    assert events[-1]["data"] == {"choice": "A"}
    assert events[-1]["by"] == "live:bell"


def test_a_program_that_writes_without_end_has_to_wait(home: Home) -> None:
    """Its events and lines are limited, the journal says so once, and it is read at a pace that leaves the rest."""
    write(
        home,
        "flood.py",
        "#!/usr/bin/env python3\n"
        "import os\n"
        'line, count = b\'{"name": "bell"}\\n\' * 64, 0\n'
        "while True:\n"
        "    count += os.write(1, line)\n"
        "    if count % 65536 < 1088:\n"
        "        open('count.new', 'w').write(str(count))\n"
        "        os.replace('count.new', 'count.txt')\n",
    )
    flow = write(
        home,
        "flood.yaml",
        "flow: flood\nevents: {bell: {}}\ninitial: live\nstates:\n"
        "  live:\n    initial: on\n    transitions: {bell: {set: {n: '{{ vars.n|default(0) + 1 }}'}}, "
        "flood.exited: bad, error: bad, stop: over}\n"
        "    activities: {flood: {do: program.run, with: {command: [./flood.py], lines: true}}}\n"
        "    states: {on: {wait: 1h, transitions: {done: bad}}}\n"
        "  over: {final: completed, reason: '{{ vars.n|default(0) }}'}\n  bad: {final: failed}\n",
    )
    began, running = time.monotonic(), home.start("run", flow)
    running.until("program_said", text="more than 100 events in 10 s; the others are dropped")
    running.until("program_said", text="more than 1000 lines in 10 s; the others are dropped")
    assert home.call("stop", running.run).code == 0
    assert running.finish() == 0, running.err
    spans = 1 + (time.monotonic() - began) // 10
    assert 100 <= int(running.records[-1]["reason"]) <= 100 * spans
    assert int((home.folder / "count.txt").read_text()) < 2_000_000 * spans  # hundreds of millions, were all read


class Counting(BaseHTTPRequestHandler):
    """Counts requests in the file of the programs."""

    file: Path

    def do_POST(self) -> None:
        with self.file.open("a") as file:
            file.write("asked\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def counting(home: Home) -> Iterator[str]:
    """The address of a server that counts."""
    handler = type("Here", (Counting,), {"file": home.folder / "done.txt"})
    made = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}/"
    made.shutdown()
    thread.join()
    made.server_close()


#: All boundaries of such a run, or those from when its action has begun.
ALL = tuple(f"{number}{side}" for number in range(1, 6) for side in "-+")
BOUNDARIES = ALL if os.environ.get("RETAKE_FLOW_CRASHES") == "all" else ("2+", "3-", "3+")
PROGRAM = "do: program.run, with: {command: [./add.sh]}"
POST = "do: http.request, with: {method: POST, private: true, url: 'URL'"


ADDING = """\
from retake_flow.plugins import action

@action()
def once() -> None:
    with open("done.txt", "a") as file:
        file.write("ran\\n")

@action(idempotency="safe")
def safe() -> None:
    once()
"""


@pytest.mark.parametrize(
    ("doing", "declared", "again"),
    [
        (PROGRAM, "", False),
        (f"on_crash: retry, {PROGRAM}", "", True),
        (POST + "}", "", False),
        (f"on_crash: retry, {POST}, idempotency_key: true}}", "", True),
        ("do: house.add", f"actions: {{house.add: {{{PROGRAM}}}}}\n", False),
        ("do: house.add", "actions: {house.add: {python: 'adding:once'}}\n", False),
        ("do: house.add", "actions: {house.add: {python: 'adding:safe'}}\n", True),
        ("do: house.add", f"actions: {{house.add: {{{PROGRAM}, idempotency: safe}}}}\n", True),
    ],
)
def test_a_killed_runner_leaves_what_the_author_declared(
    home: Home, counting: str, doing: str, declared: str, again: bool
) -> None:
    """At each boundary: without a word what may have been done is not done again; declared harmless, it is."""
    write(home, "add.sh", "#!/bin/sh\necho ran >> done.txt\n")
    write(home, "adding.py", ADDING)
    head = f"flow: once\ninitial: add\n{declared}states:\n"
    failed = "failed: bad, " if "program.run" in doing else ""
    routes = f"transitions: {{done: over, {failed}error.interrupted: doubt, error: bad}}"
    ends = "  over: {final: completed}\n  doubt: {final: interrupted}\n  bad: {final: failed}\n"
    flow = write(home, "once.yaml", f"{head}  add: {{{doing.replace('URL', counting)}, {routes}}}\n{ends}")
    ran, seen = home.folder / "done.txt", set()
    for boundary in BOUNDARIES:
        ran.unlink(missing_ok=True)
        if home.call("run", flow, "--json", RETAKE_FLOW_DIE_AT=boundary).code != -9:
            continue
        run = home.row()["id"]
        second = home.call("resume", run, "--json")
        outcome = home.row(run)["outcome"]
        times = len(ran.read_text().splitlines()) if ran.exists() else 0
        seen.add(outcome)
        assert times <= (2 if again else 1), (boundary, second)
        assert times >= 1 or outcome != "completed", (boundary, second)
    assert seen == ({"completed"} if again else {"completed", "interrupted"})


KILLING = (
    ADDING.replace('ran\\n")', 'ran\\n")\n    if sum(1 for _ in open("done.txt")) == 1:\n        _kill()')
    + """
def _kill():
    import os, psutil
    os.kill(next(p.pid for p in psutil.Process().parents() if "retake_flow" in p.cmdline()), 9)
"""
)


@pytest.mark.parametrize(("function", "outcome", "times"), [("once", "interrupted", 1), ("safe", "completed", 2)])
def test_a_runner_killed_inside_an_action(home: Home, function: str, outcome: str, times: int) -> None:
    """The function has done its work, and nobody can know: it ends as its author has declared."""
    write(home, "adding.py", KILLING)
    flow = write(
        home,
        "once.yaml",
        f"flow: once\ninitial: add\nactions: {{house.add: {{python: 'adding:{function}'}}}}\nstates:\n"
        "  add: {do: house.add, transitions: {done: over, error.interrupted: doubt, error: bad}}\n"
        "  over: {final: completed}\n  doubt: {final: interrupted}\n  bad: {final: failed}\n",
    )
    assert home.call("run", flow, "--json").code == -9
    run = home.row()["id"]
    home.call("resume", run, "--json")
    assert home.row(run)["outcome"] == outcome
    assert (home.folder / "done.txt").read_text() == "ran\n" * times


def test_a_rehearsal_answers_in_place_of_programs_and_servers(home: Home) -> None:
    """Programs and requests with an answer are neither started nor sent; others run, and other hosts are not asked."""
    write(home, "picking.py", "raise RuntimeError\n@action()\ndef pick(): ...\n")
    flow = write(
        home,
        "all.yaml",
        "flow: all\nevents: {vote: {choice: {type: string}}}\ninitial: live\n"
        'actions: {house.pick: {python: "picking:pick"}}\nstates:\n'
        "  live:\n    activities: {bell: {do: program.run, with: {command: [./absent], lines: true}}}\n"
        "    transitions: {vote: {to: pick, set: {choice: '{{ event.choice }}'}}, bell.exited: bad, error: bad}\n"
        "  pick: {do: house.pick, transitions: {done: ask, error: bad}}\n"
        "  ask:\n    do: http.request\n    with: {url: 'https://example.org/hook?key=1'}\n"
        "    transitions: {done: {to: other, set: {seen: '{{ result.json.n }}'}}, error: bad}\n"
        "  other: {do: http.request, with: {url: 'https://example.com/'}, transitions: {done: bad, error: push}}\n"
        "  push: {do: program.run, with: {command: [git, push]}, transitions: {done: bad, failed: here, error: bad}}\n"
        "  here: {do: program.run, with: {command: [sh, -c, 'echo ran > done.txt']}, "
        "transitions: {done: over, failed: bad, error: bad}}\n"
        "  over: {final: completed, reason: '{{ vars.choice|default(0) }} {{ vars.seen|default(0) }}'}\n"
        "  bad: {final: failed}\n",
    )
    vote = '{"name": "vote", "data": {"choice": "A"}}'
    answers = {
        "./absent": {"output": vote},
        "picking:pick": {"output": {}},
        "https://example.org/hook": {"output": {"n": 7}},
        "git": {"status": 128, "error": "no such remote"},
    }
    options = write(home, "options.json", json.dumps({"own": answers}))
    folder = str(home.folder / "rehearsed")
    done = home.call("run", flow, "--rehearse", "--json", "--rehearsal-options", options, "--folder", folder)
    assert done.code == 0, done
    assert next(r for r in done.records if r["event"] == "run_ended")["reason"] == "A 7"
    (push,) = [r["result"]["message"] for r in done.records if r.get("state") == "push" and "result" in r]
    assert push == "git push ended with status 128; its last lines: no such remote"
    assert (home.folder / "done.txt").read_text() == "ran\n"
