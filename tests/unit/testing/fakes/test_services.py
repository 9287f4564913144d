"""The web service of scenarios."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from retake_flow.ports.responders import Answer, Batch, Message
from retake_flow.responders import registry
from retake_flow.responders.env_secrets import signing_key, variable
from retake_flow.responders.registry import Surroundings
from retake_flow.responders.token_budget import Ledger
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.testing.fakes.services import FakeResponder, Keys, Service, standing_in

BATCH = Batch((Message("1", "mira", None, "hi", None, "message"), Message("2", "ade", None, "who?", None, "message")))


def test_it_answers_as_a_service_and_as_a_model() -> None:
    """Each text by its reply, in order, and nothing where there is none; what was asked is known."""
    service = Service({"hi": "hello", "bye": "later"})
    around = Surroundings(Launcher("test", {}), Path(), Keys(), Ledger(), lambda: 0.0, service)

    async def main() -> list[Answer]:
        answers = []
        for said in (
            {"http": {"url": "https://owl.example/"}},
            {"openai": {"url": "https://owl.example/v1", "model": "m", "key_from": "ANY"}},
        ):
            async with registry.responders(around)[next(iter(said))](said, lambda *_, **__: None) as responder:
                answers.append(await responder.respond(BATCH))
        return answers

    assert asyncio.run(main()) == [Answer(("hello",))] * 2
    assert service.questions == [("mira", "hi"), ("ade", "who?")] * 2


def test_it_refuses_before_it_answers() -> None:
    """One refusal for each request."""
    service = Service(refusals=[httpx.Response(500)])

    async def main() -> list[int]:
        async with httpx.AsyncClient(transport=service) as client:
            body = {"messages": []}
            return [(await client.post("https://owl.example/", json=body)).status_code for _ in range(2)]

    assert asyncio.run(main()) == [500, 200]


def test_every_key_is_there() -> None:
    """Whatever a flow calls it, as a password and to sign with."""
    assert variable(Keys(), "ANYTHING").reveal()
    assert len(signing_key(Keys(), "ANYTHING")) >= 16


def test_a_brain_stands_in_for_all_that_is_not_ours() -> None:
    """The greeter alone is the real one."""
    brain = FakeResponder({"hi": "hello"})
    found = standing_in(brain)

    async def main(kind: str) -> Answer:
        async with found[kind]({kind: {}}, lambda *_, **__: None) as responder:
            return await responder.respond(BATCH)

    assert [asyncio.run(main(kind)).replies for kind in ("command", "http", "openai", "module")] == [("hello",)] * 4
    assert asyncio.run(main("greeter")) == Answer()
