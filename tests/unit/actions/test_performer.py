"""What the performer adds to a call."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from retake_flow.actions.base import Family
from retake_flow.actions.performer import Performer
from retake_flow.actions.registry import CATALOGUE
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
