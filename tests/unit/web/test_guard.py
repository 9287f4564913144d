"""Who may ask the page for what."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient
from stored_runs import stored

from retake_flow.ports.runs import Runs
from retake_flow.store.holders import this_process

TOKEN = "a-token-of-32-characters-or-more"
PROGRAM = {"authorization": f"Bearer {TOKEN}", "accept": "application/json"}


@pytest.mark.parametrize("path", ["/", "/runs/last", "/runs/last/events", "/runs/last/picture.jpg", "/nothing"])
def test_without_the_token_nothing_is_shown(stranger: TestClient, store: Runs, path: str) -> None:
    """Neither without a cookie nor with one that is made up; and a page of the list says how to get in."""
    stored(store, "owl-1")
    for cookies in ({}, {"retake-flow-8765": "guess"}, {"retake-flow-8765": TOKEN}):
        stranger.cookies = cookies  # type: ignore[assignment]
        refused = stranger.get(path)
        assert refused.status_code == 401
        assert "owl" not in refused.text


def test_the_token_is_exchanged_for_a_cookie(stranger: TestClient) -> None:
    """It leaves the address bar at once, and the cookie does not give it away. Other sites' links bring it along."""
    entered = stranger.get(f"/enter?token={TOKEN}")
    cookie = entered.headers["set-cookie"]
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert TOKEN not in cookie
    assert stranger.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_a_wrong_token_is_refused_and_cannot_be_guessed(stranger: TestClient) -> None:
    """After some tries nothing is compared any more."""
    answers = [stranger.post("/enter", data={"token": f"guess {number}"}).status_code for number in range(30)]
    assert answers[0] == 403
    assert answers[-1] == 429
    assert stranger.get("/").status_code == 401


@pytest.mark.parametrize("goal", ["https://evil.example", "//evil.example", "/\\evil.example", "/runs/../x", ""])
def test_entering_leads_nowhere_else(stranger: TestClient, goal: str) -> None:
    """A form that was tampered with cannot send a browser to another site."""
    assert stranger.post("/enter", data={"token": TOKEN, "goal": goal}).headers["location"] == "/"
    assert stranger.post("/enter", data={"token": TOKEN, "goal": "/runs/owl-1"}).headers["location"] == "/runs/owl-1"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:80", ""])
def test_a_foreign_host_name_is_not_answered(operator: TestClient, host: str) -> None:
    """A name that somebody lets point here (DNS rebinding) gets nothing, not even with the cookie."""
    assert operator.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8765", "[::1]:8765", "page.example.org"])
def test_its_own_names_are_answered(operator: TestClient, host: str) -> None:
    """The names of this machine, and the address of the operator's proxy, which keeps the cookie to HTTPS."""
    assert operator.get("/", headers={**PROGRAM, "host": host}).status_code == 200
    entered = operator.get(f"/enter?token={TOKEN}", headers={"host": host})
    assert ("Secure" in entered.headers["set-cookie"]) == (host == "page.example.org")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8765"},
    ],
)
def test_a_forged_form_does_nothing(operator: TestClient, store: Runs, headers: dict[str, str]) -> None:
    """The browser says where a form comes from; only the page's own count."""
    claim = stored(store, "owl-1", holder=this_process())
    for path in ("say", "stop", "kill", "resume", "gates/prove.1", "send/raid"):
        assert operator.post(f"/runs/owl-1/{path}", data={"text": "evil"}, headers=headers).status_code == 403
    assert claim.requests() == []


def test_a_program_bears_the_token(stranger: TestClient, store: Runs) -> None:
    """It gets JSON, and errors as JSON too."""
    claim = stored(store, "owl-1", holder=this_process())
    assert stranger.get("/runs/owl-1", headers=PROGRAM).json()["run"] == "owl-1"
    said = stranger.post("/runs/owl-1/say", data={"text": "hi", "way": "chat"}, headers=PROGRAM)
    assert said.json()["ok"]
    assert [(one.what, one.data["text"], one.data["ways"]) for one in claim.requests()] == [("say", "hi", ["chat"])]
    unknown = stranger.get("/runs/nobody", headers=PROGRAM)
    assert (unknown.status_code, unknown.json()["ok"]) == (404, False)


def test_a_page_that_only_shows_takes_nothing(watcher: TestClient, store: Runs) -> None:
    """Neither has it forms, nor does it take one."""
    claim = stored(store, "owl-1", holder=this_process())
    writes = ("stop", "kill", "resume", "say", "scene", "gates/prove.1", "send/raid")
    for path in ("/name", "/nothing", *(f"/runs/owl-1/{write}" for write in writes)):
        for headers in ({}, PROGRAM):
            assert watcher.post(path, data={"text": "hi", "way": "voice"}, headers=headers).status_code == 403, path
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
            assert watcher.request(method, path).status_code in (403, 405), path
    assert "<form" not in watcher.get("/runs/owl-1").text
    assert claim.requests() == []


def test_too_much_at_once_is_refused(operator: TestClient, store: Runs) -> None:
    """Too many requests, or too large a form."""
    stored(store, "owl-1", holder=this_process())
    big: Any = {"text": "x" * 70_000}
    assert operator.post("/runs/owl-1/say", data=big).status_code == 413
    codes = {operator.post("/runs/owl-1/say", data={"text": "hi"}).status_code for _ in range(70)}
    assert codes == {303, 429}


def test_every_answer_is_confined(operator: TestClient, stranger: TestClient) -> None:
    """Nothing is loaded from elsewhere, framed, kept or run inline."""
    for path in ("/", "/static/page.js", "/enter", "/nothing", "/runs/nobody"):
        headers = operator.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
