"""Steps on the operator's page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pytest_bdd import given, parsers, then, when
from starlette.testclient import TestClient
from stored_runs import a_gate, stored

from retake_flow.ports.runs import Claim
from retake_flow.redact import Secret
from retake_flow.settings import Settings
from retake_flow.store.holders import this_process
from retake_flow.web.operator_page import Page
from retake_flow.wiring.storing import open_store


@dataclass
class Watched:
    """A run that asks, and the people at its page, with what each read last."""

    settings: Settings
    claim: Claim
    people: dict[str, TestClient] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)


@given("a run asks for the address of a post", target_fixture="watched")
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """In a store of its own; this process drives it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RETAKE_FLOW_STATE", str(tmp_path / "state"))
    settings = Settings.from_environment()
    return Watched(settings, stored(open_store(settings), "owl-1", a_gate(), holder=this_process()))


@given(parsers.re("(?P<first>Ann) and (?P<second>Bo) have followed the link of its page(?P<only>, which only shows)?"))
def follow_the_link(watched: Watched, first: str, second: str, only: str | None) -> None:
    """Each in a browser of their own, under their names."""
    page = Page(watched.settings, Secret("the-token-of-the-page"), 8765, read_only=bool(only))
    for name in (first, second):
        person = TestClient(page.app, base_url="http://127.0.0.1:8765")
        person.get(f"/enter?token=the-token-of-the-page&name={name}")
        assert "Post this" in person.get("/runs/owl-1").text
        watched.people[name] = person


@when(parsers.parse("{name} answers {address} on the page"))
def answer_on_the_page(watched: Watched, name: str, address: str) -> None:
    """By the form of the question."""
    answered = watched.people[name].post(
        "/runs/owl-1/gates/prove.1", data={"tweet_url": address}, headers={"accept": "application/json"}
    )
    watched.read[name] = answered.json()["message"]


@then(parsers.parse("{name} reads on the page: {words}"))
def read_on_the_page(watched: Watched, name: str, words: str) -> None:
    """In the answer to what they sent."""
    assert words in watched.read[name]


@then(parsers.parse("the run has the answer {address} of {name}"))
def has_the_answer(watched: Watched, address: str, name: str) -> None:
    """And only that one."""
    [answer] = watched.claim.answers().values()
    assert (answer.fields["tweet_url"], answer.by) == (address, name)


@then("the run has no answer")
def has_no_answer(watched: Watched) -> None:
    """It goes on asking."""
    assert not watched.claim.answers()
