"""What the performer adds to a call."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from flow_samples import flow_of

from retake_flow.actions.base import Family
from retake_flow.actions.performer import Performer, configured_call, own_completion
from retake_flow.actions.registry import CATALOGUE
from retake_flow.errors import RetakeFlowError
from retake_flow.flow.check.check import check
from retake_flow.flow.load.load import load
from retake_flow.ports.actions import Call, Completion, Service

DEFAULTS = [
    (do, name, schema["default"])
    for do, spec in CATALOGUE.items()
    for name, schema in spec.inputs.items()
    if "default" in schema
]


class Recorder(Family):
    """A family of all actions, which keeps the inputs that arrive."""

    def __init__(self) -> None:
        self.inputs: dict[str, Any] = {}
        self.tasks = dict.fromkeys(CATALOGUE, self.perform)
        self.checks = dict.fromkeys(CATALOGUE, self.perform)
        self.services = dict.fromkeys(CATALOGUE, self.serve)

    async def perform(self, call: Call) -> Completion:
        """Perform or verify."""
        self.inputs = dict(call.inputs)
        return Completion()

    @asynccontextmanager
    async def serve(self, call: Call) -> Any:
        """Start."""
        self.inputs = dict(call.inputs)
        yield Service


def arriving(do: str, **inputs: Any) -> dict[str, Any]:
    """The inputs with which an action is performed; they are the same when it is verified or started."""
    recorder = Recorder()
    performer = Performer(recorder)
    call = Call("run", "place", 1, do, inputs, {}, "key")

    async def each_way() -> list[dict[str, Any]]:
        await performer.perform(call)
        performed = recorder.inputs
        await performer.verify(call)
        verified = recorder.inputs
        async with performer.serve(call):
            return [performed, verified, recorder.inputs]

    first, *others = asyncio.run(each_way())
    assert all(other == first for other in others)
    return first


@pytest.mark.parametrize(("do", "name", "default"), DEFAULTS)
def test_an_omitted_input_arrives_with_its_default(do: str, name: str, default: Any) -> None:
    """As one does that an expression gives as nothing; what is given stays."""
    assert arriving(do)[name] == default
    assert arriving(do, **{name: None})[name] == default
    assert arriving(do, **{name: "given"})[name] == "given"


def test_a_mapping_has_the_defaults_of_the_fields_that_it_omits() -> None:
    """So a flow may set one limit alone."""
    limits = arriving("chat.respond")["limits"]
    assert arriving("chat.respond", limits={"length": 80})["limits"] == {**limits, "length": 80}


def test_an_input_without_a_default_stays_omitted() -> None:
    """It is for the action to say what that means."""
    assert "to" not in arriving("chat.send", message="hello")
    assert len(DEFAULTS) > 20, "the catalogue declares them"


HEAD = """\
actions:
  house.pick:
    do: program.run
    with: {command: [./pick, "{{ inputs.of }}"], input: {seed: "{{ inputs.seed }}"}}
    inputs: {of: {type: string}, seed: {type: integer, default: 7}}
    result: {name: {type: string}, score: {type: integer, optional: true}}
    outcomes: [picked, nobody]
"""
STATES = (
    "  a: {do: house.pick, with: {of: us}, transitions: {picked: b, nobody: b, error: b}}\n  b: {final: completed}\n"
)


def _checked(text: str) -> list[str]:
    return [problem.code for problem in check(load(text, "house.yaml"), CATALOGUE)]


def _codes(old: str = "", new: str = "") -> list[str]:
    text = f"flow: house\ninitial: a\n{HEAD}states:\n{STATES}"
    assert old in text
    return _checked(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("with: {of: us}", "with: {off: us, of: us}", "RF041"),
        ("with: {of: us}", "with: {}", "RF042"),
        ("with: {of: us}", "with: {of: [us]}", "RF043"),
        ("do: house.pick", "do: house.pik", "RF040"),
        ("nobody: b,", "", "RF050"),
        ("error: b}", "error: b, won: b}", "RF051"),
        ("inputs.of", "inputs.off", "RF031"),
        ("inputs.of", "vars.of", "RF031"),
        ("command: [", "comand: [", "RF041"),
        ("house.pick", "chat.pick", "RF040"),
        ("default: 7", "default: x", "RF044"),
        ("[picked, nobody]", "[picked, nobody, timeout]", "RF046"),
    ],
)
def test_it_is_checked_like_any_action(old: str, new: str, code: str) -> None:
    """Its uses against what it declares, and what it configures against the catalogue."""
    assert _codes() == []
    assert code in _codes(old, new)


@pytest.mark.parametrize(
    ("action", "use"),
    [
        ("do: http.request, with: {method: POST, url: 'https://example.org/'}", ""),
        ("do: http.request, with: {method: PUT, url: 'https://retake.tv/api/v1/agent/image'}", ""),
        ("do: program.run, with: {command: [ffmpeg, -i, a.mp4, 'rtmps://example.org/a']}", ""),
        ("do: program.run, with: {command: [./push], input: {to: 'srt://example.org'}}", ""),
        ("do: program.run, with: {command: [sh, -c, 'curl -d a=1 https://example.org']}", ""),
        ("do: program.run, with: {command: [retake-flow, run, go-live.yaml]}", ""),
        (
            "do: program.run, with: {command: [ffmpeg, '{{ inputs.to }}']}, inputs: {to: {type: string}}",
            "do: x.y, with: {to: 'rtmp://example.org/a'}, transitions: {done: b, error: b}",
        ),
    ],
)
def test_what_posts_or_streams_is_not_safe(action: str, use: str) -> None:
    """A declaration that it may be repeated is held against what it does, also where it is used."""
    head = f"flow: house\ninitial: {'a' if use else 'b'}\nactions:\n  x.y: {{idempotency: safe, {action}}}\nstates:\n"
    text = head + (f"  a: {{{use}}}\n" if use else "") + "  b: {final: completed}\n"
    assert _checked(text) == ["RF049"]
    assert _checked(text.replace("safe", "once")) == []
    if use:
        assert _checked(text.replace("safe", "once").replace("do: x.y,", "do: x.y, on_crash: retry,")) == ["RF049"]


def _ended(answer: object, outcome: str = "done", status: int = 0) -> Completion:
    action = flow_of(STATES, head=HEAD).actions["house.pick"]
    value = {"exit_code": status, "json": answer, "text": "", "message": "pick ended with status 3; its last lines: no"}
    return own_completion(action, Completion(outcome, value))


def test_its_answer_is_held_against_what_it_declares() -> None:
    """Outcome and fields; other fields are left out."""
    assert _ended({"name": "mira", "more": 1}) == Completion("picked", {"name": "mira", "score": None})
    assert _ended({"outcome": "nobody", "name": ""}).outcome == "nobody"
    for answer in (None, [], "mira", {}, {"name": 3}, {"name": "a", "outcome": "done"}, {"name": "a", "score": "x"}):
        with pytest.raises(RetakeFlowError) as caught:
            _ended(answer)
        assert caught.value.kind == "unexpected_result"
    with pytest.raises(RetakeFlowError) as caught:
        _ended(None, "failed", 3)
    assert caught.value.message == "house.pick: pick ended with status 3; its last lines: no"
    assert not caught.value.may_repeat


def test_it_is_performed_as_configured() -> None:
    """Its inputs fill in what it configures."""
    action = flow_of(STATES, head=HEAD).actions["house.pick"]
    call = configured_call(action, Call("owl", "a", 1, "house.pick", {"of": "us; rm -rf", "seed": 7}, {}, "owl/a/1"))
    assert (call.do, call.inputs) == ("program.run", {"command": ["./pick", "us; rm -rf"], "input": {"seed": 7}})


def test_lines_of_a_named_service() -> None:
    """It is an activity whose end needs a route, and it has no answer of its own."""
    named = "house.bell: {do: program.run, with: {command: [./bell], lines: true}}"
    live = "a: {activities: {bell: {do: house.bell}}, transitions: {bell.exited: b, error: b}}"
    text = f"flow: house\ninitial: a\nactions:\n  {named}\nstates:\n  {live}\n  b: {{final: completed}}\n"
    assert _checked(text) == []
    assert _checked(text.replace("bell.exited: b, ", "")) == ["RF050"]
    assert _checked(text.replace("{do: house.bell}}, tr", "{do: house.bell, every: 1m}}, tr")) == ["RF045"]
    assert _checked(text.replace("lines: true}", "lines: true}, outcomes: [won]")) == ["RF045"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("program.run, with: {command: ./health.sh}", "write the program and its arguments as a list"),
        ("program.run, with: {command: [./health.sh], lines: 'yes'}", "'yes' is not of type 'boolean'"),
        ("program.run, with: {command: [./health.sh], lines: '{{ now > 3 }}'}", "no expression can give it"),
        ("program.run, with: {command: [./health.sh], env_from: {A: RETAKE_ACCESS_TOKEN}}", "is for retake.tv alone"),
        ("http.request, with: {url: 'https://example.org/', json: {a: 1}, text: a}", "takes only one of json, text"),
        ("http.request, with: {url: 'https://example.org/', headers: {HOST: a}}", "those of the connection"),
        ("http.request, with: {url: 'ftp://example.org/'}", "begins with https:// or http://"),
    ],
)
def test_what_is_configured_wrongly(given: str, said: str) -> None:
    """Each mistake is told in one sentence, where the action is used and where it is named."""
    states = "  a: {do: DO, transitions: {'*': b}}\n  b: {final: completed}\n"
    used = f"flow: house\ninitial: a\nstates:\n{states.replace('DO', given)}"
    named = f"flow: house\ninitial: a\nactions: {{x.y: {{do: {given}}}}}\nstates:\n{states.replace('DO', 'x.y')}"
    for text in (used, named):
        found = [problem.message for problem in check(load(text, "house.yaml"), CATALOGUE)]
        assert any(said in message for message in found), found
