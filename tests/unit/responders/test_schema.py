"""What a flow may say of who answers, and how it is told what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.fields import mismatch
from retake_flow.flow.load.load import load
from retake_flow.flow.schema.quick_validate import fits, is_sound
from retake_flow.responders.schema import KINDS, RESPONDER

GOOD: dict[str, Any] = {
    "greeter": {"greetings": ["Hi {names}"], "thanks": ["Thanks {name}"]},
    "command": ["python3", "brain.py"],
    "http": {"url": "https://owl.example/chat", "headers_from": {"Authorization": "OWL_KEY"}, "secret_from": "OWL"},
    "openai": {
        "url": "http://127.0.0.1:8080/v1",
        "model": "owl-7b",
        "key_from": "OPENAI_API_KEY",
        "persona": "An owl.",
        "playbook": ["Be kind."],
        "playbook_file": "owl.md",
        "max_tokens": 200,
        "temperature": 0.5,
        "limits": {"tokens": 1, "tokens_per_hour": 1, "cost": 2.0, "price": {"input": 1, "output": 2.5}},
    },
    "module": "owl.night:reply",
    "agent": {"after": "30s", "fallback": {"module": "owl.night:reply", "timeout": "5s"}},
}

FLOW = """
flow: f
initial: a
states:
  a:
    activities: {chat: {do: chat.respond, every: 3s, with: {since: 0, responder: %s}}}
    timeout: 1m
    transitions: {timeout: b}
  b: {final: ok}
"""


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_form_that_is_known_quickly(kind: str) -> None:
    """All keys of each kind are taken, without the slow words of jsonschema."""
    assert set(GOOD) == set(KINDS)
    assert fits(RESPONDER, {kind: GOOD[kind]})
    assert fits(RESPONDER, {kind: GOOD[kind], "timeout": "5s"})
    assert is_sound(RESPONDER)


@pytest.mark.parametrize("fallback", ["greeter", "silence", {"greeter": {}}])
def test_the_agent_has_a_fallback(fallback: object) -> None:
    """A word, or another responder; never the agent itself."""
    assert fits(RESPONDER, {"agent": {"fallback": fallback}})
    assert mismatch({"agent": {"fallback": {"agent": {}}}}, RESPONDER)
    assert mismatch({"agent": {"fallback": "nobody"}}, RESPONDER)


def test_a_program_names_its_variables() -> None:
    """As many as it needs."""
    assert fits(RESPONDER, {"command": ["x"], "variables": ["OPENAI_API_KEY", "b"]})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "it names no responder; give one of greeter, command, http, openai, module"),
        ({"timeout": "5s"}, "it names no responder"),
        ({"comand": ["x"]}, "'comand' was unexpected"),
        ({"command": ["x"], "openai": GOOD["openai"]}, "it names both command and openai, but only one can answer"),
        ({"http": {"url": "http://owl.example/chat"}}, "an address begins with https://, or with http:// when"),
        ({"http": {"url": "http://127.0.0.1.owl.example/"}}, "an address begins with https://"),
        ({"http": {"url": "ftp://owl.example"}}, "an address begins with https://"),
        ({"http": GOOD["http"] | {"secret_from": "RETAKE_ACCESS_TOKEN"}}, "is for retake.tv alone"),
        ({"http": GOOD["http"] | {"headers_from": {"X": "RETAKE_ACCESS_TOKEN"}}}, "is for retake.tv alone"),
        ({"openai": GOOD["openai"] | {"key_from": "sk-live-key"}}, "the name of an environment variable consists"),
        ({"openai": {"url": "https://owl.example/v1"}}, "'model' is a required property"),
        ({"openai": GOOD["openai"] | {"limits": {"cost": 2}}}, "'price' is a dependency of 'cost'"),
        ({"module": "owl:reply", "variables": ["KEY"]}, "`variables` are for a program; they need `command`"),
        ({"command": ["x"], "variables": ["RETAKE_ACCESS_TOKEN"]}, "is for retake.tv alone"),
        ({"command": ["x"], "variables": ["A=b"]}, "the name of an environment variable consists"),
        ({"module": "owl.py"}, "a function is written MODULE:FUNCTION"),
    ],
)
def test_what_cannot_be_is_said_in_words(said: dict[str, Any], message: str) -> None:
    """One message, which says what was expected."""
    assert not fits(RESPONDER, said)
    assert message in mismatch(said, RESPONDER)


def test_check_tells_it_with_its_place() -> None:
    """A flow that names two is a mistake with file and line before anything runs; one that names one is none."""
    both = load(FLOW % "{command: [x], module: 'owl:reply'}", "owl.yaml")
    [problem] = check(both, CATALOGUE)
    assert (problem.code, problem.position.file) == ("RF043", "owl.yaml")
    assert "names both command and module, but only one can answer" in problem.message
    assert check(load(FLOW % "{module: 'owl:reply'}", "owl.yaml"), CATALOGUE) == ()
