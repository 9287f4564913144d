"""What the page shows of stored runs, and what people do on it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from stored_runs import AWAY, CHOICE, DEAD, a_gate, ended, stored

from retake_flow.flow.load.load import load_flow
from retake_flow.ports.runs import Holder, Runs
from retake_flow.redact import Secret
from retake_flow.run.records import record
from retake_flow.run.run import Phase
from retake_flow.run.stats import Stats
from retake_flow.settings import Settings
from retake_flow.store.holders import this_process
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.web import operator_page

TOKEN = "a-token-of-32-characters-or-more"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m"
URL = "https://x.com/owl/status/1"
SCENES = load_flow(
    """\
flow: scenes
scenes: {desk: [terminal], film_night: [film]}
initial: show
states:
  show: {wait: 1h, transitions: {done: over}}
  over: {final: completed}
""",
    "f",
).sources.dump()
JSON = {"accept": "application/json"}


def test_texts_of_others_are_only_text(operator: TestClient, store: Runs) -> None:
    """In names, questions, chat, reasons, decisions, options and errors, on every page."""
    fields: Any = {"a<b>": {"type": "string", "title": EVIL, "description": EVIL, "enum": [EVIL], "default": EVIL}}
    gate = a_gate(message=EVIL, fields={}, decisions={EVIL: fields})
    at = time.time()
    chat = record("chat_message", at, id="1", author=EVIL, kind="tip", amount=5, currency=EVIL, text=EVIL)
    broken = record("error", at, place=EVIL, kind="x", message=EVIL, hint=EVIL)
    live = {"session": {"page": "javascript:alert(1)"}}
    stored(
        store,
        "owl-1",
        gate,
        records=[chat, broken],
        agent=EVIL,
        holder=this_process(),
        outputs=live,
        inputs={"direction": EVIL},
    )
    stored(store, "owl-3", agent="", flow=EVIL, holder=this_process(), state=EVIL)
    ended(store, "owl-2")
    for path in (
        "/",
        "/runs/owl-1",
        "/runs/owl-2",
        "/runs/owl-3",
        f"/?kind={quote(EVIL)}",
        f"/?words={quote(EVIL)}",
        f"/runs/{quote(EVIL)}",
    ):
        shown = operator.get(path).text
        for tag in ("<script>alert", "<img src=x", "onerror=alert(1)>\x1b", "\x1b", 'href="javascript:'):
            assert tag not in shown, path
    assert "&lt;script&gt;alert(1)" in operator.get("/runs/owl-1").text


def test_a_display_that_hangs_holds_up_no_other_picture(
    operator: TestClient, store: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture of one run is taken while that of another takes long."""
    stored(store, "owl-1", holder=this_process())
    stored(store, "owl-2", holder=this_process())
    began, other_taken = threading.Event(), asyncio.Event()

    async def take(launcher: Launcher, run: str) -> bytes:
        if run == "owl-1":
            began.set()
            await asyncio.wait_for(other_taken.wait(), 30)
        other_taken.set()
        return run.encode()

    monkeypatch.setattr(operator_page, "take_picture", take)
    with ThreadPoolExecutor(1) as beside:
        slow = beside.submit(operator.get, "/runs/owl-1/picture.jpg")
        assert began.wait(30)
        assert operator.get("/runs/owl-2/picture.jpg").content == b"owl-2"
        assert slow.result(30).content == b"owl-1"


def test_a_secret_that_the_program_knows_is_nowhere(operator: TestClient, store: Runs) -> None:
    """Not even if a record of another process bears it."""
    stored(store, "owl-1", records=[record("chat_message", 1, id="1", author="a", kind="message", text="key hunter2!")])
    Secret("hunter2!")
    assert "hunter2!" not in operator.get("/runs/owl-1").text


def test_a_question_is_answered_by_a_form(operator: TestClient, store: Runs) -> None:
    """The buttons are named by the decisions; the answer is checked as everywhere; the second learns who was first."""
    claim = stored(store, "owl-1", CHOICE, holder=this_process())
    shown = operator.get("/runs/owl-1").text
    assert "Give up</button>" in shown
    assert 'type="number"' in shown
    wrong = operator.post("/runs/owl-1/gates/trouble.1", data={":decision": "retry", "wait": "soon"}, headers=JSON)
    assert wrong.status_code == 422
    assert "wait" in wrong.json()["message"]
    plain = operator.post("/runs/owl-1/gates/trouble.1", data={":decision": "retry", "wait": "5", "why": ""})
    assert (plain.status_code, plain.headers["location"]) == (303, "/runs/owl-1")
    [answer] = claim.answers().values()
    assert (answer.decision, answer.fields, answer.channel) == ("retry", {"wait": 5, "why": None}, "web")
    late = operator.post("/runs/owl-1/gates/trouble.1", data={":decision": "give_up"}, headers=JSON)
    assert late.status_code == 409
    assert answer.by in late.json()["message"]


def test_a_secret_answer_is_not_repeated(operator: TestClient, store: Runs) -> None:
    """What does not fit is named without its value."""
    fields = {"key": {"type": "string", "secret": True, "minLength": 30}}
    stored(store, "owl-1", a_gate(fields=fields), holder=this_process())
    assert 'type="password"' in operator.get("/runs/owl-1").text
    refused = operator.post("/runs/owl-1/gates/prove.1", data={"key": "sesame-open"}, headers=JSON)
    assert refused.status_code == 422
    assert "sesame-open" not in refused.text


def test_a_run_without_a_process_takes_answers_only(operator: TestClient, store: Runs) -> None:
    """It says so, and offers to let the run go on."""
    stored(store, "owl-1", a_gate(), holder=DEAD)
    shown = operator.get("/runs/owl-1").text
    assert "Let it go on" in shown
    said = operator.post("/runs/owl-1/say", data={"text": "hi"}, headers=JSON)
    assert (said.status_code, said.json()["ok"]) == (422, False)
    answered = operator.post("/runs/owl-1/gates/prove.1", data={"tweet_url": URL}, headers=JSON)
    assert "No process" in answered.json()["message"]


def test_a_run_that_has_ended_is_only_shown(operator: TestClient, store: Runs) -> None:
    """No forms, and nothing is asked of it."""
    ended(store, "owl-1")
    assert "<form" not in operator.get("/runs/owl-1").text
    assert operator.post("/runs/owl-1/stop", headers=JSON).json()["ok"] is False


def test_a_scene_is_chosen_or_left_to_the_flow(operator: TestClient, store: Runs) -> None:
    """By its name, a built-in one or one of the flow's; another name is refused. The title stays."""
    claim = stored(store, "owl-1", flow_text=SCENES, holder=this_process())
    offered = re.findall(r'<button name="to" value="(\w*)">([^<]+)', operator.get("/runs/owl-1").text)
    assert [name for name, _ in offered] == ["starting", "live", "brb", "ended", "desk", "film_night", ""]
    assert dict(offered)["brb"] == "Be right back"
    assert dict(offered)["film_night"] == "Film night"
    wanted = ("brb", "film_night", "", "off")
    answers = [operator.post("/runs/owl-1/scene", data={"to": to}, headers=JSON) for to in wanted]
    assert [answer.json()["ok"] for answer in answers] == [True, True, True, False]
    assert "there are starting, live, brb, ended, desk, film_night" in answers[-1].json()["message"]
    asked = [{name: one.data[name] for name in one.data if name != "by"} for one in claim.requests()]
    assert asked == [{"to": "brb"}, {"to": "film_night"}, {"to": ""}]


def test_a_title_is_set_and_taken_back(operator: TestClient, store: Runs) -> None:
    """As by `retake-flow screen`, in one line; the second value is that of the button beside the field."""
    claim = stored(store, "owl-1", holder=this_process())
    for title in ("A <b>radio</b>\x1b[31m\n ", ["half a ti", ""]):
        assert operator.post("/runs/owl-1/title", data={"title": title}, headers=JSON).json()["ok"]
    assert [one.data["data"] for one in claim.requests()] == [{"title": "A <b>radio</b>"}, {"title": ""}]


@pytest.mark.parametrize(
    ("title", "why"), [("x" * 301, "longer than 300"), ("key: hunter2!!", "a secret"), ("aHVudGVyMiEhISE=", "a secret")]
)
def test_a_title_that_cannot_be_shown_is_refused(operator: TestClient, store: Runs, title: str, why: str) -> None:
    """Before the run hears of it, and without repeating it; also a secret in another form."""
    Secret("hunter2!!")
    Secret("hunter2!!!!")
    claim = stored(store, "owl-1", holder=this_process())
    refused = operator.post("/runs/owl-1/title", data={"title": title}, headers=JSON)
    assert (refused.status_code, title in refused.text) == (422, False)
    assert why in refused.json()["message"]
    assert not claim.requests()


def test_a_title_that_the_run_refuses_is_told(operator: TestClient, store: Runs) -> None:
    """Since it bears a secret that only the run knows; who asked reads why, and nobody reads the secret."""
    claim = stored(store, "owl-1", holder=this_process())
    Secret("only-the-run-knows-it")
    asked = {
        "request": 1,
        "data": {"title": "b25seS10aGUtcnVuLWtub3dzLWl0"},
        "by": "Ann",
        "reason": "it contains a secret",
    }
    claim.write(store.load("owl-1").run, [record("scene_refused", time.time(), **asked)])
    claim.write(replace(store.load("owl-1").run, outcome="done", phase=Phase.COMPLETED), [])
    claim.release()
    news = operator.get("/runs/owl-1/events").text
    assert '"tell": "! Ann asked to change the stage: it contains a secret"' in news
    assert "b25seS10" not in news
    assert "b25seS10" not in str(store.journal("owl-1"))


def test_the_scene_that_is_on_is_shown(operator: TestClient, store: Runs) -> None:
    """As viewers see it."""
    ready = record("activity_ready", 2, activity="show:content", value={"shows": "stage"})
    shows = [record("activity_started", 1, activity="show:content", action="studio.content"), ready]
    chosen = record("scene_set", 3, to="brb", by="Ann", request=1)
    stored(store, "owl-1", records=[*shows, chosen], holder=this_process())
    assert "<dt>Scene</dt><dd>Be right back</dd>" in operator.get("/runs/owl-1").text


def test_a_run_whose_flow_cannot_be_read_takes_the_built_in_scenes(operator: TestClient, store: Runs) -> None:
    """As one of another version may be."""
    claim = stored(store, "owl-1", holder=this_process())
    shown = operator.get("/runs/owl-1").text
    assert re.findall(r'name="to" value="(\w*)"', shown) == ["starting", "live", "brb", "ended", ""]
    assert operator.post("/runs/owl-1/scene", data={"to": "ended"}, headers=JSON).json()["ok"]
    assert [one.data["to"] for one in claim.requests()] == ["ended"]


def test_an_ended_rehearsal_shows_its_frames(operator: TestClient, store: Runs, tmp_path: Path) -> None:
    """The newest sheet in its folder; never what a link there leads to."""
    recordings = tmp_path / "r" / "recordings"
    recordings.mkdir(parents=True)
    ended(store, "owl-1", rehearsal=str(tmp_path / "r"))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (recordings / "a.png").symlink_to(tmp_path / "secret.png")
    assert operator.get("/runs/owl-1/sheet.png").status_code == 404
    (recordings / "b.png").write_bytes(b"frames")
    assert operator.get("/runs/owl-1/sheet.png").content == b"frames"
    assert "/runs/owl-1/sheet.png" in operator.get("/runs/owl-1").text


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"owl-1", "owl-2", "kit-3"}),
        ("?words=KIT", {"kit-3"}),
        ("?kind=ended", {"owl-2"}),
        ("?kind=waiting", {"owl-1"}),
        ("?kind=live", {"kit-3"}),
        ("?words=nobody", set()),
        ("?kind=odd&page=x", {"owl-1", "owl-2", "kit-3"}),
    ],
)
def test_runs_are_searched_and_filtered(operator: TestClient, store: Runs, query: str, seen: set[str]) -> None:
    """By words in any of their names, and by how they stand."""
    stored(store, "owl-1", a_gate(), holder=DEAD)
    ended(store, "owl-2")
    stored(store, "kit-3", agent="kit", holder=this_process())
    shown = operator.get(f"/{query}").text
    assert {run for run in ("owl-1", "owl-2", "kit-3") if f"/runs/{run}" in shown} == seen


def test_the_stream_goes_on_after_a_record(operator: TestClient, store: Runs) -> None:
    """Each record once, by its number, and what has changed; it closes when the run has ended."""
    claim = stored(store, "owl-1", holder=this_process())
    said = [record("chat_sent", time.time(), text=f"line {number}", id=f"{number}") for number in range(3)]
    run = replace(store.load("owl-1").run, outcome="done", phase=Phase.COMPLETED)
    claim.write(run, said)
    claim.release()
    text = operator.get("/runs/owl-1/events", headers={"last-event-id": "1"}).text
    numbers = [line for line in text.splitlines() if line.startswith("id: ")]
    assert numbers == sorted(set(numbers))
    assert "line 2" in text
    assert text.rstrip().endswith("event: over\ndata: {}")


def test_a_long_journal_is_read_from_its_end(operator: TestClient, store: Runs) -> None:
    """The page comes with what is recent, and with old chat and trouble; the measurements before follow."""
    begun = time.time() - 20_000
    chat = record("chat_message", begun, id="1", author="ann", kind="message", text="the first words")
    trouble = record("error", begun + 1, place="a", kind="x", message="an old trouble", hint="")
    results = [
        record("activity_result", begun + 4 * number, activity="a", result={"viewers": number})
        for number in range(5000)
    ]
    claim = stored(store, "owl-1", records=[chat, trouble, *results], holder=this_process())
    shown = operator.get("/runs/owl-1").text
    assert "the first words" in shown
    assert shown.count("an old trouble") == 2
    assert "over 2h" in shown
    claim.write(replace(store.load("owl-1").run, outcome="done", phase=Phase.COMPLETED), [])
    claim.release()
    assert "over 5h" in operator.get("/runs/owl-1/events").text


def test_a_run_that_cannot_be_read_leaves_the_others_in_the_list(
    operator: TestClient, store: Runs, settings: Settings
) -> None:
    """It says what is wrong with it, and the others are shown as ever."""
    stored(store, "owl-1", holder=this_process())
    stored(store, "owl-2", holder=this_process())
    with closing(sqlite3.connect(settings.store)) as database, database:
        database.execute("UPDATE snapshots SET data = 'no JSON' WHERE run = 'owl-1'")
    shown = operator.get("/").text
    assert "the run owl-1 is damaged" in shown
    assert "/runs/owl-2" in shown


def test_an_ended_run_is_listed_with_its_figures(operator: TestClient, store: Runs) -> None:
    """Time on air, viewers, messages and tips, also when the platform said nothing at the end."""
    at = time.time() - 100
    records = [
        record("action_started", at, action="retake.start_stream", state="on"),
        record("action_finished", at, action="retake.start_stream", state="on", outcome="done", result={}),
        record("activity_result", at, activity="a", outcome="done", result={"viewers": 41}),
        record("chat_message", at, id="1", author="ann", kind="message", text="hi"),
        record("run_ended", at + 90, run="owl-1", outcome="failed", state="on", reason="the machine"),
    ]
    ended(store, "owl-1", phase=Phase.FAULTED, outcome="failed", stats=Stats().counting(records))
    shown = " ".join(operator.get("/?kind=ended").text.split())
    assert "<dt>On air</dt><dd>1:30</dd>" in shown
    assert "<dt>Most viewers</dt><dd>41</dd>" in shown


def test_people_answer_under_their_names(operator: TestClient, store: Runs) -> None:
    """A name that was asked once, or came with the link; the second person is told whose answer counts."""
    gates = [a_gate(name) for name in ("prove.1", "more.1", "last.1")]
    claim = stored(store, "owl-1", *gates, holder=this_process(), phase=Phase.RUNNING)
    named = operator.post("/name", data={"name": " Ann\n<b>\x1b[31m ", "goal": "/runs/owl-1"})
    assert (named.status_code, named.headers["location"]) == (303, "/runs/owl-1")
    assert "Ann &lt;b&gt;</summary>" in operator.get("/runs/owl-1").text
    operator.post("/runs/owl-1/gates/prove.1", data={"tweet_url": URL})
    operator.get(f"/enter?token={TOKEN}&name=Bo")
    late = operator.post("/runs/owl-1/gates/prove.1", data={"tweet_url": URL}, headers=JSON)
    assert "already answered by Ann <b> on" in late.json()["message"]
    operator.post("/runs/owl-1/gates/more.1", data={"tweet_url": URL})
    operator.post("/runs/owl-1/say", data={"text": "hi"})
    operator.post("/runs/owl-1/gates/last.1", data={"tweet_url": URL, ":by": "a program"})
    assert {answer.by for answer in claim.answers().values()} == {"Ann <b>", "Bo", "a program"}
    assert [one.data["by"] for one in claim.requests()] == ["Bo"]
    operator.post("/name", data={"name": ""})
    assert "Your name</summary>" in operator.get("/runs/owl-1").text


FORM = {"content-type": "multipart/form-data; boundary=B", **JSON}
PART = b'--B\r\nContent-Disposition: form-data; name="text"'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PART + b'; filename="x"\r\n\r\nhello\r\n--B--\r\n', "Too many files"),
        ((PART + b"\r\n\r\n1\r\n") * 1_001 + b"--B--\r\n", "Too many fields"),
        (b"--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--\r\n", "name"),
    ],
)
def test_a_broken_form_is_refused_in_words(operator: TestClient, store: Runs, body: bytes, said: str) -> None:
    """Also a file in place of a text, of which the name of its type would be said on stream."""
    stored(store, "owl-1", holder=this_process())
    answer = operator.post("/runs/owl-1/say", content=body, headers=FORM)
    assert (answer.status_code, answer.json()["ok"]) == (400, False)
    assert said in answer.json()["message"]


@pytest.mark.parametrize(
    ("holder", "why"),
    [(DEAD, "No process drives this run"), (AWAY, "This run is on studio-2."), (None, "There is no picture yet.")],
)
def test_a_page_without_a_picture_says_why(operator: TestClient, store: Runs, holder: Holder | None, why: str) -> None:
    """Of a run without a process, on another machine, and not on air yet."""
    stored(store, "owl-1", holder=holder or this_process())
    assert why in operator.get("/runs/owl-1").text
