"""From what a flow says to somebody who answers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from responder_samples import BATCH, Service, completion

from retake_flow.errors import MissingProgram, ResponderFailed, RetakeFlowError
from retake_flow.ports.responders import Answer
from retake_flow.redact import Secret
from retake_flow.responders import registry
from retake_flow.responders.registry import Surroundings, missing
from retake_flow.responders.schema import KINDS
from retake_flow.responders.token_budget import Ledger
from retake_flow.studio.processes.launcher import Launcher


def _unwritten(event: str, **fields: Any) -> None:
    """The journal, of which nothing is wanted."""


def surroundings(folder: Path, service: Service | None = None) -> Surroundings:
    """What there is for those who answer."""
    return Surroundings(Launcher("test", os.environ), folder, {"OWL": "key-of-owl"}, Ledger(), lambda: 0.0, service)


def asked(around: Surroundings, *settings: Any) -> list[Answer | RetakeFlowError]:
    """What comes of asking whom the flow names, once for each of the settings."""

    async def main() -> list[Answer | RetakeFlowError]:
        answers: list[Answer | RetakeFlowError] = []
        for said in settings:
            kind = next(kind for kind in KINDS if kind in said)
            async with registry.responders(around)[kind](said, _unwritten) as responder:
                try:
                    answers.append(await responder.respond(BATCH))
                except RetakeFlowError as error:
                    answers.append(error)
        return answers

    return asyncio.run(main())


def test_each_kind_answers(tmp_path: Path) -> None:
    """By its key, the greeter, a program, a service, a model and a function are asked about the same batch."""
    (tmp_path / "opening_owl.py").write_text("def reply(batch): return ['function']")
    service = Service(httpx.Response(200, json={"replies": ["service"]}), completion('{"replies": ["model"]}'))
    program = 'input(); print(\'{"replies": ["program"]}\')'
    answers = asked(
        surroundings(tmp_path, service),
        {"greeter": {"greetings": ["greeter"]}},
        {"command": [sys.executable, "-c", program]},
        {"http": {"url": "https://owl.example/", "headers_from": {"Authorization": "OWL"}}},
        {"openai": {"url": "https://owl.example/v1", "model": "owl", "key_from": "OWL"}},
        {"module": "opening_owl:reply", "timeout": 20},
    )
    said = [answer.replies for answer in answers if isinstance(answer, Answer)]
    assert said == [("greeter",), ("program",), ("service",), ("model",), ("function",)]


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ({"http": {"url": "http://owl.example/"}}, ResponderFailed, "an address begins with https://"),
        ({"openai": 3}, ResponderFailed, "the flow's `responder` does not fit: 3 is not"),
        ({"openai": {"url": "https://owl.example/v1", "model": "m", "key_from": "NO"}}, ResponderFailed, "NO, needed"),
        ({"module": "no_such_module:reply"}, ResponderFailed, "cannot be imported"),
        ({"command": ["./nothing"]}, MissingProgram, "nothing does not exist"),
        ({"greeter": {}, "module": "a:b"}, ResponderFailed, "names both greeter and module, but only one can answer"),
    ],
)
def test_what_is_wrong_with_it_is_an_answer_that_was_not_had(
    tmp_path: Path, said: dict[str, Any], kind: type[RetakeFlowError], told: str
) -> None:
    """Opening does not fail, so that chat is read all the same; asking does, in one sentence."""
    [error] = asked(surroundings(tmp_path), said)
    assert isinstance(error, kind)
    assert told in error.message


def test_it_begins_when_it_is_asked_and_tries_again(tmp_path: Path) -> None:
    """What was missing and has come is found the next time; what has begun is not begun again."""

    async def main() -> list[Answer]:
        async with registry.responders(surroundings(tmp_path))["module"](
            {"module": "late_owl:reply"}, _unwritten
        ) as late:
            with pytest.raises(ResponderFailed, match="cannot be imported"):
                await late.respond(BATCH)
            (tmp_path / "late_owl.py").write_text("calls = []\ndef reply(b): calls.append(b); return [str(len(calls))]")
            return [await late.respond(BATCH) for _ in range(2)]

    assert asyncio.run(main()) == [Answer(("1",)), Answer(("2",))]


def test_secrets_of_the_flow_reach_who_answers(tmp_path: Path) -> None:
    """An address that is an input from the environment is used and shown nowhere."""
    service = Service(httpx.Response(404))
    said = {"http": {"url": Secret("https://owl.example/hooks/very-secret")}}
    [error] = asked(surroundings(tmp_path, service), said)
    assert str(service.requests[0].url) == "https://owl.example/hooks/very-secret"
    assert isinstance(error, ResponderFailed)
    assert "very-secret" not in error.message


def test_a_defect_of_ours_is_a_failure_like_others(tmp_path: Path) -> None:
    """Nothing that a responder raises gets past the chat that asks it."""

    def broken(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("oops")

    [error] = asked(surroundings(tmp_path, Service(broken)), {"http": {"url": "https://owl.example/"}})
    assert isinstance(error, ResponderFailed)
    assert error.message == "the responder has a defect: ZeroDivisionError: oops"


def test_nothing_is_imported_that_is_not_used() -> None:
    """The forms and the registry come without HTTP, so that a flow is checked and begins quickly."""
    code = "import sys; from retake_flow.responders import registry, schema"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('httpx' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


# --- what those who answer chat need, before a run begins ---

MODEL = {"url": "https://owl.example/v1", "model": "m"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"command": ["./brain"]}, ["brain does not exist or may not be executed"]),
        ({"module": "no_owl:reply"}, ["the responder's module no_owl cannot be imported"]),
        ({"http": {"url": "https://x/", "headers_from": {"A": "ONE", "B": "TWO"}, "secret_from": "THREE"}},
         ["the variable ONE, ", "the variable TWO, ", "the variable THREE, "]),
        ({"openai": {**MODEL, "key_from": "ONE", "playbook_file": "owl.md"}},
         ["the variable ONE, ", "there is no file"]),
        ({"openai": {**MODEL, "key_from": "SET"}}, []),
        ({"openai": MODEL}, []),
        ({"greeter": {}}, []),
        ({"command": ["sh"]}, []),
        ({"command": ["sh"], "variables": ["SET", "WORD"]}, []),
        ({"command": ["sh"], "variables": ["SET", "UNSET"]}, ["the variable UNSET, needed to answer chat, is not set"]),
        ({"command": ["sh"], "variables": ["OURS"]}, ["the variable OURS holds an access token of retake.tv"]),
        ({"command": ["sh"], "variables": [None, 7]}, []),
        ({"command": ["sh", "nobrain.sh"]}, ["nobrain.sh does not exist"]),
        ({"command": ["sh", "-u", "nobrain.py", "x"]}, ["nobrain.py does not exist"]),
        ({"command": ["sh", "./nobrain"]}, ["nobrain does not exist"]),
        ({"command": ["sh", "/no/brain"]}, ["/no/brain does not exist"]),
        ({"command": ["sh", "owl.sh", "./written-later", "later.py"]}, []),
        ({"command": ["sh", "-c", "cat no/brain; ./no.sh"]}, []),
        ({"command": ["sh", "maker/model", "--log", "./x.log"]}, []),
        ({"command": ["sh", "--log", "./x.log"]}, []),
    ],
)  # fmt: skip
def test_all_that_is_not_there_is_told(tmp_path: Path, said: dict[str, Any], told: list[str]) -> None:
    """Each in a sentence of its own, all with the exit code for what is missing."""
    (tmp_path / "owl.sh").touch()
    environment = {"SET": "a-key", "WORD": "Käuzchen", "OURS": "rtk_123456", "PATH": "/bin:/usr/bin"}
    found = list(missing(said, tmp_path, environment))
    assert [part in error.message for part, error in zip(told, found, strict=True)] == [True] * len(told)
    assert {error.exit_code for error in found} <= {6}


def test_what_is_filled_in_later_is_not_looked_at(tmp_path: Path) -> None:
    """A name that is no text yet may still become a good one."""
    later = object()
    for said in ({"command": [later]}, {"module": later}, {"http": later}, {"http": {"headers_from": later}},
                 {"openai": {"key_from": later, "playbook_file": later, "secret_from": later}}):  # fmt: skip
        assert list(missing(said, tmp_path, {})) == []
