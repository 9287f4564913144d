"""docs/cookbook.md: each recipe is played against the rehearsed platform, in virtual time, and does what it says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flow_processes import at_home

from retake_flow.cli import flow_file
from retake_flow.flow.diagnostics import Problem
from retake_flow.notices.apprise import notifiers
from retake_flow.ports.responders import Answer, Batch
from retake_flow.redact import Secret
from retake_flow.rehearsal.setup.options import Neighbour, OwnAnswer
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.responders import registry as opening
from retake_flow.responders.registry import Surroundings
from retake_flow.responders.token_budget import Ledger
from retake_flow.run.records import Record
from retake_flow.settings import Settings
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.testing.fakes.services import Keys, Service
from retake_flow.testing.fakes.studio_programs import Trouble
from retake_flow.testing.runs.rehearsed import Rehearsal, Rehearsed, open_flow
from retake_flow.whatif import virtual_time
from retake_flow.whatif.virtual_time import VirtualClock

COOKBOOK = Path(__file__).parents[2] / "docs" / "cookbook.md"
_SECTIONS = re.split(r"^## ", COOKBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
RECIPES = {section.split("\n", 1)[0].strip(): section for section in _SECTIONS}
ON_AIR = "broadcast/pushing/on_air"
HOOK_KEY = "whsec_" + base64.b64encode(b"a key of the owl's hook!").decode()


class Kitchen:
    """A recipe's files in a folder of their own."""

    def __init__(self, recipe: str, folder: Path) -> None:
        self.folder = folder
        self.files = []
        for name, text in re.findall(r"```\w+\n# (\S+\.\w+)\n(.*?)```", RECIPES[recipe], re.DOTALL):
            (folder / name).write_text(text, encoding="utf-8")
            self.files.append(name)

    def problems(self, name: str) -> Sequence[Problem]:
        """The problems that `check` finds in a file, with the rules of the platform and of the house."""
        return flow_file.problems(str(self.folder / name), Settings.from_environment())

    def rehearsal(self, name: str = "", within: str = "1m", *, known: bool = True) -> Rehearsal:
        """A run of a recipe's flow, on air for as long as given."""
        flow = open_flow(str(self.folder / (name or self.files[0])))
        rehearsal = Rehearsal(flow, self.folder)
        if flow.inputs["max_duration"].schema.get("value") is None:
            rehearsal.inputs["max_duration"] = within
        if known:
            rehearsal.give_credentials()
        return rehearsal


def _a_rule_of_the_house(kitchen: Kitchen) -> None:
    _allowed_and_refused(kitchen, "ask_first", refused="failed")
    flow = kitchen.folder / "careful.yaml"
    flow.write_text(
        flow.read_text(encoding="utf-8").replace("timeout: not_live", "timeout: broadcast"), encoding="utf-8"
    )
    assert any("rule allowed_first" in problem.message for problem in kitchen.problems("careful.yaml"))


def _another_resolution(kitchen: Kitchen) -> None:
    played = kitchen.rehearsal().play()
    assert played.run.outcome == "completed"
    [display] = played.records("activity_started", activity="broadcast:display")
    [encoder] = played.records("activity_started", activity="broadcast/pushing:encoder")
    assert (display["inputs"]["size"], encoder["inputs"]["bitrate"]) == ("1920x1080", "4000k")


def _portrait(kitchen: Kitchen) -> None:
    played = kitchen.rehearsal().play()
    assert played.run.outcome == "completed"
    [display] = played.records("activity_started", activity="broadcast:display")
    assert display["inputs"]["size"] == "720x1280"


def _sixty_frames(kitchen: Kitchen) -> None:
    played = kitchen.rehearsal().play()
    assert played.run.outcome == "completed"
    [encoder] = played.records("activity_started", activity="broadcast/pushing:encoder")
    asked = {"framerate": 60, "bitrate": "3000k", "preset": "superfast", "adapt": True}
    assert asked.items() <= encoder["inputs"].items()


def _word_by_discord(kitchen: Kitchen) -> None:
    [address] = re.findall(r'RETAKE_FLOW_NOTIFY="(.+?)"', RECIPES["Notices on Discord"])
    real = address.replace("WEBHOOK_ID", "4" * 18).replace("WEBHOOK_TOKEN", "t" * 68)
    assert len(notifiers([Secret(real)])) == 1
    rehearsal = kitchen.rehearsal()
    assert [each.reveal() for each in rehearsal.flow.notify] == ["json://127.0.0.1:8080/told"]
    assert rehearsal.play().run.outcome == "completed"


def _no_thumbnails_after_the_first(kitchen: Kitchen) -> None:
    played = kitchen.rehearsal(within="30m").play()
    assert played.run.outcome == "completed"
    assert len(played.agent["thumbnails"]) == 1


def _two_agents_on_one_machine(kitchen: Kitchen) -> None:
    for name, said in (("night.yaml", "The owl is awake."), ("day.yaml", "The lark is up.")):
        played = kitchen.rehearsal(name).play()
        assert played.run.outcome == "completed"
        [opening] = played.records("action_started", action="chat.send")
        assert opening["inputs"]["message"] == said


def _ask_before_going_live(kitchen: Kitchen) -> None:
    _allowed_and_refused(kitchen, "approve", refused="declined")


def _allowed_and_refused(kitchen: Kitchen, place: str, refused: str) -> None:
    for decision, outcome in (("allow", "completed"), ("refuse", refused)):
        rehearsal = kitchen.rehearsal()
        rehearsal.comebacks = [60.0]
        rehearsal.intervene(place, 5.0, lambda scene, said=decision: scene.answer(place, {}, decision=said))
        played = rehearsal.play()
        assert (played.run.outcome, bool(played.records("state_entered", state=ON_AIR))) == (
            outcome,
            outcome == "completed",
        )


def _say_in_chat_where_it_goes(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal()
    rehearsal.intervene(ON_AIR, 10.0, lambda scene: scene.answer("builder", {"direction": "owls"}))
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    assert "Next: owls" in [comment["text"] for comment in played.agent["chat"] if comment["agent"]]
    assert len(played.records("activity_started", activity="broadcast/pushing:encoder")) == 1


def _say_goodbye(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal()
    rehearsal.intervene(ON_AIR, 10.0, lambda scene: scene.runner.stop())
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    said = [record["inputs"]["message"] for record in played.records("action_started", action="chat.send")]
    assert said[-1] == "That was it for today. Thank you!"
    [thanks] = played.records("scene_set", to="ended")
    assert 5.0 <= _seconds(played.last) - _seconds(thanks) < 10.0
    assert played.last["event"] == "run_ended"


def _live_on_weekdays_at_eight(kitchen: Kitchen) -> None:
    for noon, expected in (  # Thursdays; then come a weekend, on which the clocks change, and a Monday
        ("2026-03-26T12:00Z", ["2026-03-26T19:00", "2026-03-27T19:00", "2026-03-30T18:00"]),
        ("2026-10-22T12:00Z", ["2026-10-22T18:00", "2026-10-23T18:00", "2026-10-26T19:00"]),
    ):
        flow = open_flow(str(kitchen.folder / "weekdays.yaml"))
        rehearsal = Rehearsal(flow, kitchen.folder, {"max_duration": "30s"}, within=6 * 86400)
        rehearsal.give_credentials()
        rehearsal.intervene("", 4.5 * 86400, lambda scene: scene.runner.stop("seen enough"))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(virtual_time, "EPOCH", _seconds({"t": noon}))
            played = rehearsal.play()
        assert played.run.outcome == "completed"
        assert [record["t"][:16] for record in played.records("state_entered", state="on_stage")] == expected
        assert [session["ended_by"] for session in played.agent["sessions"]] == ["stop"] * 3
        assert len(played.records("notice", kind="live")) == 3


def _written(played: Rehearsed) -> list[str]:
    return [comment["text"] for comment in played.agent["chat"] if comment["agent"]]


def _a_vote_in_chat(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal(within="5m")
    said = {"ann": "not A, I take B", "bob": "A A A", "cat": "b!", "dan": "A or B?", "eve": "what a stream"}
    cues = [Cue(70.0 + at, name, text=text) for at, (name, text) in enumerate(said.items())]
    rehearsal.options = replace(
        rehearsal.options, viewers=(Cue(20.0, "fay", text="A"), *cues, Cue(80.0, "bob", text="A again"))
    )
    rehearsal.intervene(ON_AIR, 50.0, lambda scene: scene.runner.send("vote", {"first": "a song", "second": "a talk"}))
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    written = _written(played)
    assert "Vote now, for a minute: A is a song, B is a talk." in written
    assert "1 for A, 2 for B: B wins." in written


def _a_tip_goal(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal(within="5m")
    tips = [(20.0, 4.0), (40.0, 8.0), (60.0, 1.0), (80.0, 40.0)]
    rehearsal.options = replace(
        rehearsal.options, viewers=tuple(Cue(at, "ann", type="tip", amount=amount, text="!") for at, amount in tips)
    )
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    thanks = [text for text in _written(played) if "tipped, thank you" in text]
    assert thanks == ["12 tipped, thank you! Next goal: 25", "53 tipped, thank you! That was the last goal."]


def _a_talk_show(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal(within="15m")
    rehearsal.intervene(ON_AIR, 10.0, lambda scene: scene.answer("builder", {"direction": "owls"}))
    rehearsal.troubles.append(Trouble("ffmpeg", "dies", after=400.0))
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    asked = [
        (record["inputs"]["message"], _seconds(record))
        for record in played.records("action_started", action="chat.send")
    ]
    questions = [(text, at) for text, at in asked if text.endswith("?") and "explore" not in text]
    assert [text for text, _ in questions] == ["Where are you from?", "What do you build?"]
    assert questions[1][1] - questions[0][1] >= 300


def _sum_the_stream_up(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal(within="2m")
    cues = (
        Cue(3.0, "mira", text="hi"),
        Cue(9.0, "mira", text="again"),
        Cue(12.0, "ade", type="tip", amount=5, text="yes"),
    )
    rehearsal.options = replace(rehearsal.options, viewers=cues)
    played = rehearsal.play()
    stats = played.last["stats"]
    assert played.run.reason.startswith("3 messages by 2, ")
    assert {name: stats[name] for name in ("streams", "messages", "authors", "tips", "keys", "thumbnails")} == {
        "streams": 1,
        "messages": 3,
        "authors": 2,
        "tips": 1,
        "keys": 1,
        "thumbnails": 1,
    }
    assert 120 <= stats["seconds_on_air"] < 240
    assert sum(stats["tipped"].values()) == 5


def _ask_when_the_guide_has_changed(kitchen: Kitchen) -> None:
    assert kitchen.rehearsal().play().run.outcome == "completed"
    for decision, outcome in (("go_on", "completed"), ("not_now", "failed")):
        rehearsal = kitchen.rehearsal()
        rehearsal.options = replace(rehearsal.options, skill_version="3.0.0")
        rehearsal.comebacks = [60.0]
        rehearsal.intervene("read_guide", 5.0, lambda s, said=decision: s.answer("read_guide", {}, decision=said))
        played = rehearsal.play()
        assert played.run.outcome == outcome
        assert "version 3.0.0; this flow was written for 2.1.2" in played.records("gate_opened")[0]["message"]


def _never_register(kitchen: Kitchen) -> None:
    played = kitchen.rehearsal(known=False).play()
    assert (played.run.outcome, played.run.state) == ("failed", "stranger")
    assert "RETAKE_CREDENTIALS" in played.run.reason
    assert kitchen.rehearsal().play().run.outcome == "completed"


def _stop_when_nobody_watches(kitchen: Kitchen) -> None:
    played = kitchen.rehearsal(within="2h").play()
    assert played.run.outcome == "completed"
    [on_air] = played.records("state_entered", state=ON_AIR)
    assert (_seconds(played.last) - _seconds(on_air)) == pytest.approx(1800, abs=10)


def _an_own_chat_brain(kitchen: Kitchen) -> None:
    def said(batch: Batch) -> tuple[str, ...]:
        # Run to its end for each batch: nothing but the run goes on in virtual time.
        command, line = [sys.executable, "brain.py"], json.dumps(asdict(batch)) + "\n"
        done = subprocess.run(command, cwd=kitchen.folder, input=line, capture_output=True, text=True, check=True)
        return tuple(json.loads(done.stdout)["replies"])

    class Program:
        async def respond(self, batch: Batch) -> Answer:
            return Answer(said(batch))

    rehearsal = kitchen.rehearsal()
    rehearsal.responders["command"] = lambda settings, note: nullcontext(Program())
    rehearsal.options = replace(
        rehearsal.options, viewers=(Cue(3.0, "mira", text="hi"), Cue(9.0, "ade", text="what is this?"))
    )
    played = rehearsal.play()
    written = [comment["text"] for comment in played.agent["chat"] if comment["agent"]]
    assert written[1:] == ["Good question, ade!"]


def _answered_by_a_language_model(kitchen: Kitchen) -> None:
    rehearsal, model = kitchen.rehearsal(), Service({"hi": "Evening.", "what is this?": "A radio, nearly."})
    ledger = Ledger(kitchen.folder / "tokens.json", VirtualClock().now)
    around = Surroundings(Launcher("cookbook", {}), kitchen.folder, Keys(), ledger, VirtualClock().now, model)
    rehearsal.responders["openai"] = opening.responders(around)["openai"]
    rehearsal.options = replace(
        rehearsal.options, viewers=(Cue(3.0, "mira", text="hi"), Cue(9.0, "ade", text="what is this?"))
    )
    played = rehearsal.play()
    written = [comment["text"] for comment in played.agent["chat"] if comment["agent"]]
    assert written[1:] == ["Evening.", "A radio, nearly."]
    assert {str(request.url) for request in model.requests} == {"https://api.openai.com/v1/chat/completions"}
    assert "rebuilds old radios" in json.loads(model.requests[0].content)["messages"][0]["content"]


def _another_pace(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal()
    rehearsal.intervene(ON_AIR, 700.0, lambda scene: scene.runner.stop())
    played = rehearsal.play()
    assert played.run.inputs["max_duration"] == "3h"
    thumbnails = [_seconds(record) for record in played.records("activity_result", activity=f"{ON_AIR}:thumbnail")]
    assert thumbnails[1] - thumbnails[0] == pytest.approx(300, abs=5)
    chat = [_seconds(record) for record in played.records("activity_result", activity=f"{ON_AIR}:chat")]
    pauses = [round(later - earlier) for earlier, later in pairwise(chat)]
    # What is heard in between (the message against silence) is seen to at once.
    regular = [pause for pause in pauses if pause in (3, 10)]
    assert len(regular) > 0.9 * len(pauses)
    assert pauses.count(10) > 50


def _a_raid_at_the_end_of_the_stream(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal(within="30s")
    rehearsal.options = replace(rehearsal.options, neighbours=(Neighbour("red-fox", viewers=12), Neighbour("wren")))
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    written = [comment["text"] for comment in played.agent["chat"] if comment["agent"]]
    assert written[-1] == "That was it for today. Let's all go over to red-fox!"
    fox = played.platform.agents.by_name("red-fox")
    assert fox is not None
    assert [comment.text for comment in fox.chat.comments] == ["Hello! We all came over from my stream."]
    assert [session["ended_by"] for session in played.agent["sessions"]] == ["stop"]
    alone = kitchen.rehearsal(within="30s").play()
    assert (alone.run.outcome, alone.run.visits.get("raid")) == ("completed", None)


def _a_heart_that_goes_live(kitchen: Kitchen) -> None:
    rehearsal = Rehearsal(
        open_flow(str(kitchen.folder / "pulse.yaml")), kitchen.folder, {"longest": "30s"}, within=9 * 3600
    )
    rehearsal.give_credentials()
    asked = Cue(0.0, "mira", text="Will you go live today?")
    rehearsal.intervene("", 3600.0, lambda s: s.platform.viewers.perform(s.platform.agents.by_id("user_owl"), asked))
    rehearsal.intervene("", 8.5 * 3600.0, lambda scene: scene.runner.stop("seen enough"))
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    [on_air] = played.records("state_entered", state=f"on_stage/{ON_AIR}")
    beats = [_seconds(record) for record in played.records("state_entered", state="beat")]
    assert len(beats) == 3
    assert beats[1] < _seconds(on_air) < beats[1] + 60
    assert [session["ended_by"] for session in played.agent["sessions"]] == ["stop"]


def _seconds(record: Record) -> float:
    return datetime.fromisoformat(record["t"]).timestamp()


def _shows(*activities: str) -> Callable[[Kitchen], None]:
    """The test of a recipe that starts some activities beside the others."""

    def test(kitchen: Kitchen) -> None:
        played = kitchen.rehearsal().play()
        assert played.run.outcome == "completed"
        for name in activities:
            assert len(played.records("activity_ready", activity=f"broadcast:{name}")) == 1

    return test


def _a_theme(kitchen: Kitchen) -> None:
    played = kitchen.rehearsal().play()
    assert played.run.outcome == "completed"
    [started] = played.records("activity_started", activity="broadcast:content")
    assert started["inputs"]["theme"] == {"accent": "#7dd3fc", "background": "#0b1220"}
    assert started["inputs"]["data"]["ticker"] == ["Next: the second IF stage"]


def _be_right_back(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal(within="2m")
    rehearsal.troubles.append(Trouble("terminal", "dies", after=5.0, times=None))
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    assert len(played.records("activity_failed", activity="broadcast:work")) == 3
    assert [record["to"] for record in played.records("scene_set")] == ["brb", "ended"]
    assert len(played.records("notice", kind="trouble")) == 1


def _a_health_script(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal()
    unwell = {"./health.sh": OwnAnswer(3, error="no frames")}
    rehearsal.intervene(ON_AIR, 15.0, lambda scene: rehearsal.own.update(unwell))
    rehearsal.intervene(ON_AIR, 25.0, lambda scene: rehearsal.own.clear())
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    assert [record["to"] for record in played.records("scene_set")] == ["brb", "live", "ended"]
    [trouble] = played.records("notice", kind="trouble")
    assert trouble["message"] == "health.sh ended with status 3; its last lines: no frames"


def _push_and_report(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal()
    rehearsal.variables["OWL_HOOK_KEY"] = HOOK_KEY
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    assert [program.command for program in rehearsal.programs.answered] == [("git", "push")]
    reports = played.records("action_started", action="http.request")
    assert len(reports) == 3  # nobody is there, so it is tried again twice
    assert reports[0]["inputs"]["json"]["seconds"] >= 59
    assert {url for url, _ in played.network.strays} >= {"https://example.org/hooks/owl"}
    assert "example.org/hooks/owl: cannot be reached" in played.records("notice", kind="told")[-1]["message"]
    _really_push_and_report(kitchen.folder)


def _really_push_and_report(folder: Path) -> None:
    """The same report to a server that checks the signature, and the same push to a repository."""
    heard: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            digest = hmac.new(base64.b64decode(HOOK_KEY.removeprefix("whsec_")), signed, hashlib.sha256).digest()
            good = self.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
            heard.append({**json.loads(body), "signed": good, "key": self.headers["Idempotency-Key"]})
            self.send_response(503 if len(heard) == 1 else 204)  # it takes the second try
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout

    git("init", "-q", "--bare", "notes.git")
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", "notes.git")
    git("config", "push.autoSetupRemote", "true")
    git("-c", "user.name=owl", "-c", "user.email=owl@example.org", "commit", "-q", "--allow-empty", "-m", "notes")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/hooks/owl"
        here = (
            "extends: parting.yaml\ninitial: first\ninputs: {over: {type: boolean, default: true}}\nstates:\n"
            "  first: {always: [{when: inputs.over, to: report}, {to: check_guide}]}\n"
            f"  report: {{with: {{url: '{url}', private: true}}}}\n"
        )
        (folder / "here.yaml").write_text(here, encoding="utf-8")
        with at_home(folder / "home", RETAKE_ACCESS_TOKEN="rtk_cookbook_0123456789", OWL_HOOK_KEY=HOOK_KEY) as home:
            done = home.call("run", str(folder / "here.yaml"), "--json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.code == 0, done
    assert [(each["signed"], each["seconds"], each["viewers"]) for each in heard] == [(True, 0, 0)] * 2
    assert heard[0]["key"] == heard[1]["key"]
    assert git("-C", "notes.git", "log", "--format=%s", "main").strip() == "notes"


def _a_brain_that_raises_events(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal()
    ledger = Ledger(kitchen.folder / "tokens.json", VirtualClock().now)
    around = Surroundings(Launcher("cookbook", {}), kitchen.folder, Keys(), ledger, VirtualClock().now)
    rehearsal.responders["module"] = opening.responders(around)["module"]
    viewers = (Cue(3.0, "mira", text=" a "), Cue(9.0, "ade", text="hello"))
    rehearsal.options = replace(rehearsal.options, viewers=viewers)
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    assert [record["data"] for record in played.records("event_raised", name="vote")] == [{"choice": "A"}]
    assert "A is wanted" in [record["message"] for record in played.records("notice")]


def _an_action_from_python(kitchen: Kitchen) -> None:
    rehearsal = kitchen.rehearsal()
    rehearsal.own["picking:draw"] = OwnAnswer(output=json.dumps({"outcome": "drawn", "winner": "mira"}))
    played = rehearsal.play()
    assert played.run.outcome == "completed"
    said = [record["inputs"]["message"] for record in played.records("action_started", action="chat.send")]
    assert said[-1] == "The winner is mira!"
    [program] = rehearsal.programs.answered
    called = [*program.command[:3], kitchen.folder, program.command[-1]]
    assert called == [sys.executable, "-P", "-m", kitchen.folder, "picking:draw"]
    # The same call with the real interpreter.
    real = subprocess.run(program.command, input=program.given, capture_output=True, cwd=kitchen.folder, check=True)
    assert json.loads(real.stdout)["winner"] in ("mira", "ade")


RECIPE_TESTS: dict[str, Callable[[Kitchen], None]] = {
    "Ask when the platform's guide has changed": _ask_when_the_guide_has_changed,
    "Never register": _never_register,
    "Stop when nobody watches": _stop_when_nobody_watches,
    "Your own chat brain": _an_own_chat_brain,
    "Answered by a language model": _answered_by_a_language_model,
    "Another pace": _another_pace,
    "Your own rule": _a_rule_of_the_house,
    "Another resolution": _another_resolution,
    "Portrait": _portrait,
    "60 frames a second": _sixty_frames,
    "Notices on Discord": _word_by_discord,
    "No thumbnails after the first": _no_thumbnails_after_the_first,
    "Two agents on one machine": _two_agents_on_one_machine,
    "Ask before going live": _ask_before_going_live,
    "Announce the direction in chat": _say_in_chat_where_it_goes,
    "Say goodbye": _say_goodbye,
    "Live on weekdays at eight": _live_on_weekdays_at_eight,
    "Sum up the stream": _sum_the_stream_up,
    "A vote in chat": _a_vote_in_chat,
    "A tip goal": _a_tip_goal,
    "A talk show": _a_talk_show,
    "A theme of your own": _a_theme,
    "Be right back while a script fails": _be_right_back,
    "A health script that starts a break": _a_health_script,
    "Push and report at the end": _push_and_report,
    "Your own brain drives the flow": _a_brain_that_raises_events,
    "An action from a Python file": _an_action_from_python,
    "A page of your own": _shows("page"),
    "The agent's terminal": _shows("work"),
    "A film with music": _shows("film", "music"),
    "Slides": _shows("slides"),
    "A logo": _shows("logo"),
    "A raid at the end of the stream": _a_raid_at_the_end_of_the_stream,
    "A heartbeat that goes live": _a_heart_that_goes_live,
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_recipe_does_what_it_says(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are without mistakes, and a run with them shows the wish fulfilled."""
    monkeypatch.setenv("RETAKE_FLOW_CACHE", str(tmp_path / "cache"))
    kitchen = Kitchen(recipe, tmp_path)
    whole = [name for name in kitchen.files if name.endswith(".yaml") and not name.endswith(".rules.yaml")]
    assert [problem for name in whole for problem in kitchen.problems(name)] == []
    RECIPE_TESTS[recipe](kitchen)
