"""The HTTP side in process: the calls of platform.md, their errors, and every kind of fault."""

import asyncio
import json
from types import SimpleNamespace

import httpx
import pytest

from retake_flow.rehearsal.http.app import create_app
from retake_flow.rehearsal.http.middleware import LARGEST_BODY
from retake_flow.rehearsal.setup.faults import Fault, SocketFault, StreamFault
from retake_flow.rehearsal.setup.options import Neighbour
from retake_flow.rehearsal.setup.viewer_script import Crowd, Cue

TOKEN = "rtk_unit_nightowl_0123456789"
AUTH = {"Authorization": f"Bearer {TOKEN}"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
REGISTRATION = {
    "agent_name": "Day Owl",
    "agent_description": "watches",
    "image_url": "https://example.com/owl.png",
    "wallet_address": "7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV",
    "ticker": "OWL",
}
AGENT_CALLS = [
    "GET /agent/verification-status",
    "POST /agent/prepare-verify",
    "POST /agent/verify",
    "POST /agent/rtmp",
    "POST /agent/stream/start",
    "GET /agent/stream/status",
    "POST /agent/update-thumbnail",
    "POST /agent/stream/stop",
    "POST /agent/stream/chat/send",
    "GET /agent/stream/comments",
]


def client_of(platform, **options):
    """A client with the token of Night Owl, in the same process."""
    app = create_app(platform, dropped=lambda: httpx.ReadError("dropped"), **options)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://platform", headers=AUTH)


def calls(platform, *requests, **options):
    """Make requests one after the other; each is `METHOD path` or that with arguments of httpx."""

    async def main():
        answers = []
        async with client_of(platform, **options) as client:
            for request in requests:
                call, arguments = request if isinstance(request, tuple) else (request, {})
                method, path = call.split(" ")
                apart = ("/skill", "/_rehearsal", "/thumbnails", "/api", "/Night", "/nobody")
                base = "" if path.startswith(apart) else "/api/v1"
                answers.append(await client.request(method, base + path, **arguments))
        return answers

    return asyncio.run(main())


def call(platform, request, **options):
    """Make one request."""
    return calls(platform, request, **options)[0]


# --- the calls ----------------------------------------------------------------------------------------------


def test_register_answers_with_everything_but_the_name(platform):
    """Registration answers with token and ids and, as observed, does not echo the name."""
    answer = call(platform, ("POST /agent/register", {"json": REGISTRATION, "headers": {"Authorization": ""}}))
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"access_token", "agent_id", "userDbId", "wallet_address", "token_address", "token_ticker"}
    assert platform.agents.by_token(body["access_token"]).user_id == body["userDbId"]
    assert body["token_address"] == ""


def test_a_bad_registration_is_a_400_with_an_error(platform):
    """A refused field is answered by status 400 and a body that says which."""
    answer = call(platform, ("POST /agent/register", {"json": REGISTRATION | {"ticker": "MUCHTOOLONG"}}))
    assert answer.status_code == 400
    assert "ticker" in answer.json()["error"]


@pytest.mark.parametrize("request_", AGENT_CALLS)
@pytest.mark.parametrize("header", [None, "Bearer rtk_wrong_wrong", TOKEN, f"Basic {TOKEN}", "Bearer "])
def test_a_call_without_a_good_token_is_a_401(platform, request_, header):
    """Every agent call wants a Bearer token that the platform issued."""
    headers = {} if header is None else {"Authorization": header}

    async def main():
        transport = httpx.ASGITransport(create_app(platform))
        async with httpx.AsyncClient(transport=transport, base_url="http://platform/api/v1") as client:
            method, path = request_.split(" ")
            return await client.request(method, path, headers=headers)

    answer = asyncio.run(main())
    assert answer.status_code == 401
    assert answer.json() == {"error": "Unauthorized"}


def test_a_stream_from_key_to_stop(platform, owl, clock):
    """Key, start, status, thumbnail, chat, comments and stop answer as the guide says."""
    key = call(platform, "POST /agent/rtmp").json()
    assert key["url"] == platform.ingest_url
    assert key["key"].startswith("sk_")
    started = call(platform, ("POST /agent/stream/start", {"json": {}})).json()
    assert started["success"] is True
    assert started["token"]["tokenAddress"] == owl.token_address
    platform.publish(key["key"]).video()
    assert call(platform, "GET /agent/stream/status").json()["is_live"] is False
    clock.passes(2.5)
    assert call(platform, "GET /agent/stream/status").json() == {
        "is_live": True,
        "viewers": 0,
        "uptime_seconds": 2,
        "token_address": owl.token_address,
        "userDbId": "user_owl",
    }
    thumbnail, picture = calls(
        platform,
        ("POST /agent/update-thumbnail", {"files": {"image": ("t.png", PNG, "image/png")}}),
        "GET /thumbnails/user_owl",
    )
    assert set(thumbnail.json()) == {"message", "thumbnail_url"}
    assert picture.content == PNG
    message = {"message": "hello", "destination_user_id": "user_owl", "access_token": TOKEN}
    assert call(platform, ("POST /agent/stream/chat/send", {"json": message})).status_code == 200
    comments = call(platform, ("GET /agent/stream/comments", {"params": {"userDbId": "user_owl", "limit": 50}}))
    assert [comment["text"] for comment in comments.json()] == ["hello"]
    clock.passes(10)
    stopped = call(platform, "POST /agent/stream/stop").json()
    assert stopped == {"status": "stopped", "duration_seconds": 12, "viewers": 0}
    again = call(platform, "POST /agent/stream/stop")
    assert (again.status_code, again.json()) == (409, {"error": "No active stream session"})


def test_an_unverified_agents_start_has_no_token(make):
    """The token in the answer of stream/start is null for an agent that is not verified."""
    assert call(make(verified=False), "POST /agent/stream/start").json() == {"success": True, "token": None}


def test_verification_by_tweet(make):
    """Prepare, post, verify: the status turns to verified."""
    platform = make(verified=False)
    status, prepared = calls(platform, "GET /agent/verification-status", "POST /agent/prepare-verify")
    assert status.json() == {"verified": False}
    url = "https://x.com/ada/status/987654321"
    answers = calls(
        platform,
        ("POST /agent/verify", {"json": {"tweet_url": url}}),
        ("POST /_rehearsal/tweets", {"json": {"url": url, "text": prepared.json()["verification_message"]}}),
        ("POST /agent/verify", {"json": {"tweet_url": url}}),
        "GET /agent/verification-status",
    )
    assert [answer.status_code for answer in answers] == [400, 200, 200, 200]
    assert answers[2].json() == answers[3].json() == {"verified": True}


@pytest.mark.parametrize(
    "arguments",
    [
        {"files": {"image": ("t.png", b"<html>", "image/png")}},
        {"files": {"image": ("t.png", b"", "image/png")}},
        {"files": {"picture": ("t.png", PNG, "image/png")}},
        {"data": {"image": "text"}},
        {"content": PNG, "headers": {"Content-Type": "image/png"}},
        {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"junk", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {},
    ],
)
def test_a_thumbnail_is_a_real_picture(platform, arguments):
    """Only a JPEG or PNG in the field `image` is taken as a thumbnail."""
    headers = AUTH | arguments.pop("headers", {})
    answer = call(platform, ("POST /agent/update-thumbnail", {**arguments, "headers": headers}))
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert platform.agents.by_id("user_owl").thumbnails == []


def test_thumbnails_are_kept_as_files(platform):
    """A thumbnail is handed to whoever keeps files, under a name that says whose it is."""
    kept = {}

    def keep(name, content):
        kept[name] = content
        return f"/folder/{name}"

    jpeg = b"\xff\xd8\xff\xe0" + bytes(20)
    call(platform, ("POST /agent/update-thumbnail", {"files": {"image": ("t", jpeg, "image/jpeg")}}), keep=keep)
    assert kept == {"thumbnails/night-owl-001.jpg": jpeg}
    assert platform.agents.by_id("user_owl").thumbnails[0].path == "/folder/thumbnails/night-owl-001.jpg"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (("POST /agent/stream/chat/send", {"json": {"message": "hi"}}), 400),
        (("POST /agent/stream/chat/send", {"json": {"message": "", "destination_user_id": "user_owl"}}), 400),
        (("POST /agent/stream/chat/send", {"json": {"message": "hi", "destination_user_id": "nobody"}}), 404),
        (("POST /agent/stream/chat/send", {"content": b"{"}), 400),
        (("POST /agent/rtmp", {"json": []}), 400),
        ("GET /agent/stream/comments", 400),
        ("GET /agent/stream/comments?userDbId=nobody", 404),
        ("GET /agent/stream/comments?userDbId=user_owl", 409),
        ("GET /agent/stream/comments?userDbId=user_owl&limit=0", 400),
        ("GET /agent/stream/comments?userDbId=user_owl&limit=x", 400),
        ("GET /agent/rtmp", 405),
        ("GET /agent/nothing", 404),
        ("GET /users/live", 404),
        ("GET /users/streamer/nobody", 404),
    ],
)
def test_what_is_wrong_is_answered_by_an_error_in_json(platform, request_, status):
    """Every refusal has the platform's status and a body with `error`."""
    answer = call(platform, request_)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_at_most_a_hundred_comments_come_at_once(make):
    """The limit is 50 by default and 100 at most, however much is asked for."""
    platform = make(comments_without_session=200)
    owl = platform.agents.by_id("user_owl")
    for number in range(130):
        platform.say(owl, "user_owl", str(number))
    path = "GET /agent/stream/comments?userDbId=user_owl"
    assert [len(answer.json()) for answer in calls(platform, path, f"{path}&limit=500")] == [50, 100]


def test_the_public_calls_want_no_token(make):
    """The skill files and the users are for everybody."""
    platform = make(skill_version="2.3.0")
    skill, guide, live, found, streamer = calls(
        platform,
        "GET /skill.json",
        "GET /skill.md",
        "GET /users/live/",
        "GET /users/search/owl",
        "GET /users/streamer/night%20owl",
    )
    assert skill.json()["version"] == "2.3.0"
    assert "2.3.0" in guide.text
    assert live.json() == []
    assert found.json()["users"][0]["user_id"] == "user_owl"
    assert streamer.json()["streamer_id"] == "user_owl"


# --- faults -------------------------------------------------------------------------------------------------


def test_a_status_and_body_replace_the_answer(make):
    """A fault's status and body are what the client gets, and the call has had no effect."""
    html = "<html><h1>502 Bad Gateway</h1></html>"
    platform = make(faults=(Fault("POST /agent/rtmp", status=502, body=html),))
    failed, fine = calls(platform, "POST /agent/rtmp", "POST /agent/rtmp")
    assert (failed.status_code, failed.text) == (502, html)
    assert failed.headers["content-type"].startswith("text/html")
    assert fine.status_code == 200
    assert len(platform.agents.by_id("user_owl").keys) == 1


def test_a_json_body_and_headers_can_be_given(make):
    """A fault can answer with any JSON and any header, such as Retry-After."""
    fault = Fault("* *", status=429, body={"error": "slow down"}, headers={"Retry-After": "7"})
    answer = call(make(faults=(fault,)), "GET /agent/stream/status")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, {"error": "slow down"}, "7")


def test_an_effect_can_happen_although_the_answer_is_lost(make):
    """With `effect` the call does its work and only its answer is another."""
    platform = make(faults=(Fault("POST /agent/stream/start", status=500, effect=True),))
    assert call(platform, "POST /agent/stream/start").status_code == 500
    assert platform.agents.by_id("user_owl").session is not None


@pytest.mark.parametrize("effect", [False, True])
def test_a_dropped_connection_is_a_transport_error(make, effect):
    """A dropped connection is an error of the transport to the client; `effect` says whether the work was done."""
    platform = make(faults=(Fault("POST /agent/stream/start", drop=True, effect=effect),))
    with pytest.raises(httpx.TransportError):
        call(platform, "POST /agent/stream/start")
    assert (platform.agents.by_id("user_owl").session is not None) == effect
    assert platform.calls.calls[0].status is None


def test_a_redirect_points_elsewhere(make):
    """A redirect is answered with its address, for clients that must not follow it."""
    fault = Fault("GET /skill.json", redirect="https://elsewhere.example/skill.json")
    answer = call(make(faults=(fault,)), "GET /skill.json")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://elsewhere.example/skill.json")


def test_a_delay_keeps_the_answer_back(make, virtually):
    """A delayed call is answered as usual, that many seconds later."""
    platform = make(faults=(Fault("POST /agent/rtmp", delay=40.0),))

    async def main(now):
        async with client_of(platform) as client:
            answer = await client.post("/api/v1/agent/rtmp", timeout=None)
        return answer.status_code, now()

    assert virtually(main) == (200, 40.0)


@pytest.mark.parametrize("effect", [False, True])
def test_a_client_that_gives_up_during_the_delay(make, virtually, effect):
    """When the client goes away during a delay the call has had its effect only if `effect` says so."""
    platform = make(faults=(Fault("POST /agent/rtmp", delay=40.0, effect=effect),))

    async def main(now):
        async with client_of(platform) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await client.post("/api/v1/agent/rtmp")
        return now()

    assert virtually(main) == 5.0
    assert len(platform.agents.by_id("user_owl").keys) == int(effect)


def test_latency_is_on_every_call(make, virtually):
    """Each call takes the latency of the options, public ones too."""
    platform = make(latency=0.15)

    async def main(now):
        async with client_of(platform) as client:
            await client.get("/skill.json")
            await client.get("/api/v1/agent/stream/status")
        return now()

    assert virtually(main) == pytest.approx(0.3)


# --- control and report -------------------------------------------------------------------------------------


def test_the_director_changes_the_rehearsal_while_it_runs(platform, owl):
    """Faults, comments and options can be set from outside, and none of that is in the log of calls."""
    answers = calls(
        platform,
        ("POST /_rehearsal/faults", {"json": [{"call": "GET /skill.json", "status": 500}]}),
        "GET /skill.json",
        ("POST /_rehearsal/faults", {"json": {"call": "* *", "drop": True, "times": None}}),
        "DELETE /_rehearsal/faults",
        "GET /skill.json",
        ("POST /_rehearsal/comments", {"json": {"name": "mira", "text": "hi"}}),
        ("POST /_rehearsal/options", {"json": {"lag": 3, "verified": False, "agent": "Night Owl"}}),
        "GET /agent/verification-status",
    )
    assert [answer.status_code for answer in answers] == [200, 500, 200, 200, 200, 200, 200, 200]
    assert [comment.text for comment in owl.chat.comments] == ["hi"]
    assert platform.options.lag == 3
    assert answers[-1].json() == {"verified": False}
    assert [entry.path for entry in platform.calls.calls] == [
        "/skill.json",
        "/skill.json",
        "/api/v1/agent/verification-status",
    ]


def test_the_director_moves_viewers_streams_and_sockets(platform, owl):
    """Viewers' scripts and faults of streams go to whoever attends, sockets break at once, real time can be ended."""
    told, broken = [], []
    platform.audience = SimpleNamespace(
        on_direction=lambda agent, direction: told.append((agent.name, list(direction))), on_scene=lambda agent: None
    )
    platform.rooms.on_drop.append(lambda: broken.append(True))
    answers = calls(
        platform,
        ("POST /_rehearsal/viewers", {"json": [{"crowd": {"viewers": 2, "messages": 4}}, {"name": "m", "text": "x"}]}),
        ("POST /_rehearsal/faults", {"json": [{"stream": "rotate_key", "at": 3}, {"socket": "lose"}]}),
        "DELETE /_rehearsal/sockets",
        ("POST /_rehearsal/options", {"json": {"realtime": False}}),
        ("POST /_rehearsal/scene", {"json": {"scene": "brb"}}),
    )
    assert [answer.status_code for answer in answers] == [200] * 5
    assert platform.agents.by_name("Night Owl").scene == "brb"
    rotation = StreamFault("rotate_key", at=3)
    assert told == [
        ("Night Owl", [Crowd(2, 4), Cue(0.0, "m", text="x")]),
        ("Night Owl", [rotation]),
    ]
    assert set(platform.faults.remaining) == {rotation, SocketFault("lose")}
    assert (broken, platform.options.realtime) == ([True], False)


@pytest.mark.parametrize(
    "request_",
    [
        ("POST /_rehearsal/viewers", {"json": [{"crowd": {"viewers": 2}}]}),
        ("POST /_rehearsal/faults", {"json": [{"stream": "rotate_key"}, {"stream": "melt"}]}),
        ("POST /_rehearsal/options", {"json": {"realtime": "loud"}}),
        ("POST /_rehearsal/faults", {"json": [{"call": "* *", "status": 500}, {"call": "nonsense"}]}),
        ("POST /_rehearsal/faults", {"content": b"?"}),
        ("POST /_rehearsal/comments", {"json": {"text": "hi"}}),
        ("POST /_rehearsal/comments", {"json": {"name": "mira", "text": "hi", "agent": "Nobody"}}),
        ("POST /_rehearsal/tweets", {"json": {"url": "https://x.com/ada", "text": "t"}}),
        ("POST /_rehearsal/options", {"json": {"latency": "slow"}}),
        ("POST /_rehearsal/scene", {"json": {"scene": 7}}),
        ("POST /_rehearsal/scene", {"json": {"scene": "brb", "agent": "Nobody"}}),
    ],
)
def test_a_wrong_order_of_the_director_changes_nothing(platform, request_):
    """An order that cannot be read is refused in words, and nothing of it is done."""
    options = platform.options
    answer = call(platform, request_)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]
    assert platform.options == options
    assert platform.faults.pending == 0


def test_the_report_tells_what_an_agent_wrote_to_a_neighbour(make):
    """A neighbour is named as one, and which of the words in its chat are those of an agent that is rehearsed."""
    platform = make(neighbours=(Neighbour("day-lark", user_id="user_lark"),))
    said = {"json": {"message": "Hello!", "destination_user_id": "user_lark"}}
    assert calls(platform, ("POST /agent/stream/chat/send", said))[0].status_code == 200
    ours, lark = call(platform, "GET /_rehearsal/report").json()["agents"]
    assert (ours["neighbour"], lark["neighbour"]) == (False, True)
    assert [(c["name"], c["agent"]) for c in lark["chat"]] == [("Night Owl", True)]


def test_the_report_tells_the_story_without_secrets(make, clock):
    """The report holds the timeline, keys by number, sessions, thumbnails, chat and broken rules, and no secret."""
    platform = make(faults=(Fault("GET /agent/verification-status", status=503),))
    key = calls(platform, "GET /agent/verification-status", "POST /agent/rtmp", "POST /agent/stream/start")[1].json()
    push = platform.publish(key["key"])
    push.video(30)
    clock.passes(1)
    calls(
        platform,
        "GET /agent/stream/status",
        ("POST /agent/update-thumbnail", {"files": {"image": ("t.png", PNG, "image/png")}}),
        (
            "POST /agent/stream/chat/send",
            {"json": {"message": f"my key is {key['key']}", "destination_user_id": "user_owl"}},
        ),
        f"GET /agent/{TOKEN}",
        "POST /agent/stream/stop",
    )
    report = call(platform, "GET /_rehearsal/report").json()
    text = json.dumps(report)
    assert key["key"] not in text
    assert TOKEN not in text
    assert report["timeline"][0] == {
        "t": 0,
        "method": "GET",
        "path": "/api/v1/agent/verification-status",
        "status": 503,
        "agent": "Night Owl",
        "fault": True,
    }
    assert report["keys"] == {"issued": 1, "used": 1, "reused": 0, "refused_pushes": 0, "rotated": 0}
    (agent,) = report["agents"]
    assert agent["sessions"] == [
        {"started": 0, "key": 1, "live": 0.5, "ended": 1, "ended_by": "stop", "viewers": 0, "thumbnails": 1}
    ]
    assert agent["thumbnails"][0]["since_live"] == 0.5
    (said,) = agent["chat"]
    assert said.pop("id") == platform.agents.by_name("Night Owl").chat.comments[0].id
    assert said == {"t": 1, "name": "Night Owl", "agent": True, "type": "message", "text": "my key is •••"}
    assert report["strikes"] == []
    assert report["recordings"][0]["frames"] == 30
    assert report["broken_rules"] == []
    assert report["calls"] == 8


# --- what is sent to it without sense -----------------------------------------------------------------------

SEND = "POST /agent/stream/chat/send"


def said(platform, text):
    """A message as JSON with escapes, which may be halves of characters."""
    body = json.dumps({"message": text, "destination_user_id": "user_owl"}).encode()
    return (SEND, {"content": body})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\ud83e", "\ufffd"),
        ("an owl: \ud83e\udd89 and half of one: \udd89!", "an owl: 🦉 and half of one: \ufffd!"),
        ("\udfff\ud800", "\ufffd\ufffd"),
        ("🦉", "🦉"),
    ],
)
@pytest.mark.parametrize("shape", ["observed", "documented", "mixed"])
def test_half_a_character_breaks_nothing(make, text, kept, shape):
    """Neither the chat nor the report nor anything that is told in rooms."""
    platform = make(chat_shape=shape)
    heard = []
    platform.rooms.subscribe(
        "user_owl", lambda event, data: heard.append(json.dumps(data, ensure_ascii=False).encode())
    )
    platform.start(platform.agents.by_id("user_owl"))
    sent, read, report = calls(
        platform, said(platform, text), "GET /agent/stream/comments?userDbId=user_owl", "GET /_rehearsal/report"
    )
    assert (sent.status_code, read.status_code, report.status_code) == (200, 200, 200)
    assert kept in read.text
    assert kept in [comment["text"] for comment in report.json()["agents"][0]["chat"]]
    assert heard


@pytest.mark.parametrize(
    "request_",
    [
        ("POST /agent/register", {"content": json.dumps({**REGISTRATION, "agent_description": "\ud83e"}).encode()}),
        ("POST /_rehearsal/comments", {"content": b'{"name": "mira\\ud83e", "text": "\\udd89"}'}),
        ("GET /agent/stream/comments?userDbId=%ED%A0%BE", {}),
        ("GET /users/search/%ED%A0%BE", {}),
    ],
)
def test_half_a_character_is_nowhere_a_failure_of_the_platform(make, request_):
    """Wherever it comes in."""
    platform = make()
    answer, report = calls(platform, request_, "GET /_rehearsal/report")
    assert answer.status_code < 500
    assert report.status_code == 200


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (DEEP, "nested too deeply"),
        (b'{"message": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, "nested too deeply"),
        (b'{"message": 1e400}', "too large"),
        (b'{"message": NaN}', "NaN is no JSON"),
        (b'{"message": ' + b"9" * 5_000 + b"}", "Invalid JSON"),
        (b'{"message": "hi"', "Invalid JSON"),
        (b"\xff\xfe\x00", "Invalid JSON"),
    ],
    ids=["deep", "deep object", "endless", "NaN", "long number", "half", "no UTF-8"],
)
@pytest.mark.parametrize("call_", [SEND, "POST /agent/register", "POST /agent/rtmp"])
def test_a_body_that_is_no_json_is_refused_in_words(make, body, words, call_):
    """With status 400, as the platform does, and not as a failure of its own."""
    answer = call(make(), (call_, {"content": body}))
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize("path", ["faults", "comments", "tweets", "viewers", "options"])
def test_the_directors_calls_refuse_in_words_too(make, path):
    """Whoever writes a script for a rehearsal is told what is wrong with it."""
    for body in (DEEP, b"{", b'{"at": 1e999}'):
        answer = call(make(), (f"POST /_rehearsal/{path}", {"content": body}))
        assert answer.status_code == 400
        assert "the body is not JSON" in answer.json()["error"]


@pytest.mark.parametrize("call_", [SEND, "POST /agent/update-thumbnail", "POST /_rehearsal/faults", "GET /skill.json"])
def test_a_body_without_measure_is_refused_in_words(make, call_):
    """With status 413, whatever is called."""
    answer = call(make(), (call_, {"content": bytes(LARGEST_BODY + 1)}))
    assert answer.status_code == 413
    assert "larger than 16 MiB" in answer.json()["error"]


def test_the_page_that_is_told_is_there(make):
    """What viewers are sent to shows the stream's name, whether it is live, and what is said, as text."""
    platform = make(history=(Cue(0.0, "<b>mira</b>", text="<script>alert(1)</script>"),))
    page, nobody, file = calls(platform, "GET /Night%20Owl", "GET /nobody", "GET /skill.md")
    assert (page.status_code, nobody.status_code, file.status_code) == (200, 404, 200)
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1>Night Owl</h1>" in page.text
    assert "not live" in page.text
    assert "<script>" not in page.text
    assert "&lt;b&gt;mira&lt;/b&gt;: &lt;script&gt;" in page.text


@pytest.mark.parametrize("path", ["/sessions/active/", "/sessions/active/user_owl/", "/sessions/recorded/"])
def test_sessions_come_in_both_shapes(make, path):
    """Under a name or bare: a client has to read both."""
    for shape, kind in (("sessions", dict), ("list", list)):
        platform = make(session_shape=shape)
        platform.start(platform.agents.by_id("user_owl"))
        answer = call(platform, f"GET {path}").json()
        assert type(answer) is kind
