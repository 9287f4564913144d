"""Gherkin steps that look at what came of a run; they go with `retake_flow.testing.steps`."""

from __future__ import annotations

import json
import stat
from itertools import pairwise
from typing import Any

from pytest_bdd import parsers, then

from retake_flow.run.records import timestamp
from retake_flow.settings import API_PATH
from retake_flow.testing.rehearsed import Rehearsal, Rehearsed
from retake_flow.testing.virtual_time import EPOCH

Table = list[list[str]]

ON_AIR = "broadcast/pushing/on_air"


def calls(rehearsed: Rehearsed, call: str = "") -> list[dict[str, Any]]:
    """The calls that the platform got, all or those to one endpoint, each with its `call`."""
    made = [{**c, "call": f"{c['method']} {c['path'].removeprefix(API_PATH)}"} for c in rehearsed.report["timeline"]]
    return [c for c in made if call in ("", c["call"])]


def since_start(rehearsed: Rehearsed, event: str, **fields: object) -> float:
    """When a record was first written, in seconds since the start."""
    found = rehearsed.records(event, **fields)
    assert found, f"the journal has no {event} with {fields}"
    at: str = found[0]["t"]
    start = timestamp(EPOCH)
    return round(_seconds(at) - _seconds(start), 3)


def _seconds(moment: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


# --- how it ended -------------------------------------------------------------------------------------------


@then(parsers.parse("the run is {outcome}"))
def ended(rehearsed: Rehearsed, outcome: str) -> None:
    """It ended in this way, and the journal says so last, once."""
    ends = rehearsed.records("run_ended")
    assert rehearsed.run.outcome == outcome, rehearsed.run
    assert [end["outcome"] for end in ends] == [outcome]
    assert rehearsed.journal[-1] == ends[0]


@then(parsers.parse('the reason says "{words}"'))
def reason(rehearsed: Rehearsed, words: str) -> None:
    """A person reads these words."""
    assert words in rehearsed.run.reason


@then(parsers.parse("it took {seconds:g} s at most"))
def took(rehearsed: Rehearsed, seconds: float) -> None:
    """From its start to its end."""
    assert since_start(rehearsed, "run_ended") <= seconds


@then("it leaves nothing behind")
def nothing_left(rehearsed: Rehearsed) -> None:
    """No program, no task, no session, no push."""
    assert [program.name for program in rehearsed.stage.alive] == []
    assert rehearsed.left == ()
    assert open_sessions(rehearsed) == []
    assert [push for push in rehearsed.report["recordings"] if push["closed"] is None] == []


@then("no program is left running")
def no_program_left(rehearsed: Rehearsed) -> None:
    """Nothing runs on this machine."""
    assert [program.name for program in rehearsed.stage.alive] == []
    assert rehearsed.left == ()


@then("its session is still open")
def session_open(rehearsed: Rehearsed) -> None:
    """The platform was not told, or did not listen."""
    assert len(open_sessions(rehearsed)) == 1


def open_sessions(rehearsed: Rehearsed) -> list[dict[str, Any]]:
    """The sessions that nobody ended."""
    return [s for agent in rehearsed.report["agents"] for s in agent["sessions"] if s["ended"] is None]


# --- being on air -------------------------------------------------------------------------------------------


@then("it has been on air")
def on_air(rehearsed: Rehearsed) -> None:
    """The stream was live, and the run knew."""
    assert rehearsed.records("state_entered", state=ON_AIR)
    assert any(session["live"] is not None for session in rehearsed.agent["sessions"])


@then(parsers.parse("it has been on air {times:d} times"))
def on_air_times(rehearsed: Rehearsed, times: int) -> None:
    """It came back as often as it was lost."""
    assert len(rehearsed.records("state_entered", state=ON_AIR)) == times
    assert sum(session["live"] is not None for session in rehearsed.agent["sessions"]) == times


@then("it was never on air")
def off_air(rehearsed: Rehearsed) -> None:
    """Nobody saw anything."""
    assert rehearsed.records("state_entered", state=ON_AIR) == []


@then(parsers.parse("it was on air for {seconds:g} s"))
def on_air_for(rehearsed: Rehearsed, seconds: float) -> None:
    """From the last step of going live to leaving it."""
    entered = since_start(rehearsed, "state_entered", state=ON_AIR)
    assert since_start(rehearsed, "state_left", state=ON_AIR) - entered == seconds


@then("no rule of the platform was broken")
def no_breach(rehearsed: Rehearsed) -> None:
    """The platform saw none broken, and each time on air began with the thumbnail."""
    assert rehearsed.report["broken_rules"] == []
    for session in rehearsed.agent["sessions"]:
        assert session["live"] is None or session["thumbnails"] or not spoke_in(rehearsed, session)


def spoke_in(rehearsed: Rehearsed, session: dict[str, Any]) -> bool:
    """Whether the agent wrote in its chat while a session was live."""
    return any(c["agent"] and session["live"] <= c["t"] <= session["ended"] for c in rehearsed.agent["chat"])


@then(parsers.parse("{issued:d} stream keys were issued and {used:d} used, none of them twice"))
def keys(rehearsed: Rehearsed, issued: int, used: int) -> None:
    """A fresh key before every push."""
    seen = rehearsed.report["keys"]
    assert (seen["issued"], seen["used"], seen["reused"]) == (issued, used, 0)


@then(parsers.parse("the {part} was started {times:d} times"))
def started(rehearsed: Rehearsed, part: str, times: int) -> None:
    """Not more and not less often."""
    assert rehearsed.stage.started[part] == times


# --- calls --------------------------------------------------------------------------------------------------


@then("the first calls are")
def first_calls(rehearsed: Rehearsed, datatable: Table) -> None:
    """In this order, with nothing in between."""
    wanted = [row[0] for row in datatable]
    assert [call["call"] for call in calls(rehearsed)][: len(wanted)] == wanted


@then(parsers.parse("the last call is {call}"))
def last_call(rehearsed: Rehearsed, call: str) -> None:
    """Nothing is called after it."""
    assert calls(rehearsed)[-1]["call"] == call


@then(parsers.parse("no call but {call} was made"))
def only_call(rehearsed: Rehearsed, call: str) -> None:
    """It ended there."""
    assert {made["call"] for made in calls(rehearsed)} <= {call}


@then(parsers.re(r"(?P<call>[A-Z]+ /\S+) was called (?P<times>\d+) times?"), converters={"times": int})
def called(rehearsed: Rehearsed, call: str, times: int) -> None:
    """Not more and not less often."""
    assert len(calls(rehearsed, call)) == times


@then(parsers.re(r"(?P<call>[A-Z]+ /\S+) was never called"))
def never_called(rehearsed: Rehearsed, call: str) -> None:
    """It was not come to."""
    assert calls(rehearsed, call) == []


@then(parsers.parse("the second {call} came {seconds:g} s or more after the first"))
def spaced(rehearsed: Rehearsed, call: str, seconds: float) -> None:
    """The platform's wish to wait was heard."""
    first, second, *_ = calls(rehearsed, call)
    assert second["t"] - first["t"] >= seconds


@then(parsers.parse("{call} was never called closer than {seconds:g} s"))
def paced(rehearsed: Rehearsed, call: str, seconds: float) -> None:
    """The guide's pace is kept, whoever wants to know."""
    times = [made["t"] for made in calls(rehearsed, call)]
    assert len(times) > 1
    assert min(later - sooner for sooner, later in pairwise(times)) >= seconds


@then("nothing was sent to anybody but retake.tv")
def no_strays(rehearsed: Rehearsed) -> None:
    """Not a request, and so not the token."""
    assert rehearsed.network.strays == []


@then("the token was not sent at all")
def token_kept(rehearsed: Rehearsed) -> None:
    """No call came with it, and none went elsewhere."""
    assert rehearsed.network.strays == []
    assert rehearsed.network.authorized == 0


# --- what was done beside -----------------------------------------------------------------------------------


@then("the display is started before the stream key has come")
def beside(rehearsed: Rehearsed) -> None:
    """It takes its time while the calls take theirs."""
    display = since_start(rehearsed, "activity_started", activity="broadcast:display")
    assert display < since_start(rehearsed, "action_finished", state="broadcast/stream_key")


@then("the thumbnail comes before anything is written")
def thumbnail_first(rehearsed: Rehearsed) -> None:
    """Rule 4."""
    thumbnail, *_ = calls(rehearsed, "POST /agent/update-thumbnail")
    written = calls(rehearsed, "POST /agent/stream/chat/send")
    order = [call["call"] for call in calls(rehearsed)]
    assert thumbnail["status"] == 200
    assert written
    assert order.index("POST /agent/update-thumbnail") < order.index("POST /agent/stream/chat/send")


@then(parsers.parse("thumbnails follow each other after {seconds:g} s at most"))
def thumbnails(rehearsed: Rehearsed, seconds: float) -> None:
    """The picture of a long stream does not grow old."""
    times = [thumbnail["t"] for thumbnail in rehearsed.agent["thumbnails"]]
    assert len(times) > 1
    assert max(later - sooner for sooner, later in pairwise(times)) <= seconds


@then(parsers.parse('the operator is told "{words}"'))
def told(rehearsed: Rehearsed, words: str) -> None:
    """A notice with these words."""
    assert any(words in notice["message"] for notice in rehearsed.records("notice"))


@then(parsers.parse("the guide of version {version} is kept as a text"))
def guide_kept(rehearsal: Rehearsal, version: str) -> None:
    """For people to read."""
    assert (rehearsal.folder / "guides" / f"guide-{version}.md").read_text(encoding="utf-8").strip()


# --- chat ---------------------------------------------------------------------------------------------------


@then(parsers.parse("chat is read within {first:g} s of going live, and every {every:g} s at least"))
def chat_read(rehearsed: Rehearsed, first: float, every: float) -> None:
    """No viewer waits for long; measured from the moment that the platform shows the stream."""
    live = rehearsed.agent["sessions"][0]["live"]
    ended = rehearsed.agent["sessions"][-1]["ended"]
    times = [call["t"] for call in calls(rehearsed, "GET /agent/stream/comments")]
    assert times[0] - live <= first
    assert max(later - sooner for sooner, later in pairwise([*times, ended])) <= every


@then("the agent wrote")
def wrote(rehearsed: Rehearsed, datatable: Table) -> None:
    """All that it wrote, in order."""
    assert [c["text"] for c in rehearsed.agent["chat"] if c["agent"]] == [row[0] for row in datatable]


@then(parsers.parse("{count:d} viewers were greeted, in order and once each"))
def greeted(rehearsed: Rehearsed, count: int) -> None:
    """Nobody is lost between two pages, and nobody comes twice."""
    results = rehearsed.records("activity_result", activity=f"{ON_AIR}:chat")
    names = [name for result in results for name in result["result"]["greeted"]]
    assert names == [f"viewer-{number}" for number in range(1, count + 1)]


@then("the chat's reading has not failed once")
def chat_kept(rehearsed: Rehearsed) -> None:
    """Nobody is troubled with what is no trouble."""
    assert rehearsed.records("activity_failed", activity=f"{ON_AIR}:chat") == []


@then(parsers.parse("{name} is answered within {seconds:g} s"))
def answered(rehearsed: Rehearsed, name: str, seconds: float) -> None:
    """From the first comment to the greeting that names them."""
    chat = rehearsed.agent["chat"]
    asked = next(comment["t"] for comment in chat if comment["name"] == name)
    answers = [c["t"] for c in chat if c["agent"] and c["t"] >= asked and name in c["text"]]
    assert answers
    assert answers[0] - asked <= seconds


# --- credentials --------------------------------------------------------------------------------------------


@then("the credentials are saved, readable by their owner alone")
def saved(rehearsal: Rehearsal, rehearsed: Rehearsed) -> None:
    """What registration gave, with the origin that it came from."""
    file = rehearsal.credentials
    content = json.loads(file.read_text(encoding="utf-8"))
    agent = next(iter(rehearsed.platform.agents))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert content["access_token"] == agent.token.reveal()
    assert content["userDbId"] == agent.user_id
    assert content["agent_name"] == agent.name
    assert content["issued_by"] == "https://retake.tv"


@then("the credentials name the token that the platform made")
def token_learnt(rehearsal: Rehearsal, rehearsed: Rehearsed) -> None:
    """The first stream tells its address."""
    content = json.loads(rehearsal.credentials.read_text(encoding="utf-8"))
    agent = next(iter(rehearsed.platform.agents))
    assert content["token_address"] == agent.token_address != ""


@then("there are no credentials")
def no_credentials(rehearsal: Rehearsal) -> None:
    """Nothing was saved."""
    assert not rehearsal.credentials.exists()


@then(parsers.re(r'the credentials file (?:still )?says "(?P<words>.+)"'))
def credentials_say(rehearsal: Rehearsal, words: str) -> None:
    """A text in the file."""
    assert words in rehearsal.credentials.read_text(encoding="utf-8")


@then("no token and no stream key is in the journal")
def no_secret(rehearsed: Rehearsed) -> None:
    """Nor in the report."""
    text = json.dumps([*rehearsed.journal, rehearsed.report])
    for agent in rehearsed.platform.agents:
        for secret in (agent.token, *(key.value for key in agent.keys)):
            assert secret.reveal() not in text
