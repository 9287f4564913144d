"""docs/responders.md matches the program: its flows have no mistakes, its batch is ours, its programs answer it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from retake_flow.flow.load.inputs import with_provided_inputs
from retake_flow.ports.responders import Batch, Message
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.responders import function, registry
from retake_flow.responders.registry import Surroundings
from retake_flow.responders.schema import KINDS
from retake_flow.responders.token_budget import Ledger
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.testing.fakes.services import Keys, Service
from retake_flow.testing.runs.rehearsed import Rehearsal, open_flow
from retake_flow.whatif.virtual_time import VirtualClock

_TEXT = (Path(__file__).parents[2] / "docs" / "responders.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```(?:yaml|python)\n# (\S+)\n(.*?)^```", _TEXT, re.M | re.S))
FLOWS = {name: text for name, text in FILES.items() if name.endswith(".yaml")}
[SHOWN] = re.findall(r"^```json\n(.*?)^```", _TEXT.partition("## The request")[2], re.M | re.S)
CHAT = "broadcast/pushing/on_air"


def responder(name: str, folder: Path) -> dict[str, Any]:
    """What a flow of the page says of who answers."""
    (folder / name).write_text(FLOWS[name])
    flow = open_flow(str(folder / name))
    said: dict[str, Any] = flow.states[CHAT].activities["chat"].inputs["responder"]
    return said


def test_each_kind_has_a_flow(tmp_path: Path) -> None:
    """One complete example each, which `check` finds nothing wrong with."""
    named = [kind for name in FLOWS for kind in KINDS if kind in responder(name, tmp_path)]
    assert sorted(named) == sorted(KINDS)


def test_the_batch_has_all_fields_and_the_table_too() -> None:
    """No field is left out or made up."""
    batch, message = json.loads(SHOWN), Message("", "", None, "", None, "")
    assert batch.keys() == asdict(Batch((message,))).keys()
    assert all(shown.keys() == asdict(message).keys() for shown in (*batch["messages"], *batch["recent"]))
    told = set(re.findall(r"^\| `(\w+)` \|", _TEXT.partition("## The request")[2], re.M))
    assert told == (batch.keys() | {"type", "newcomer", "amount"}) - {"agent"}


def test_the_program_answers_the_batch() -> None:
    """As it stands on the page."""
    command = [sys.executable, "-c", FILES["brain.py"]]
    line = json.dumps(json.loads(SHOWN)) + "\n"
    done = subprocess.run(command, input=line, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"replies": ["Hello ade, I'm night-owl."]}


def test_the_function_answers_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found beside the flow of the page, and greets nobody twice."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "radios.py").write_text(FILES["radios.py"])
    said = responder("func.yaml", tmp_path)
    batch = json.loads(SHOWN)
    messages = tuple(Message(**message) for message in batch["messages"])

    async def main() -> list[tuple[str, ...]]:
        async with function.open_responder(tmp_path, said) as found:
            return [(await found.respond(Batch(messages, batch["agent"]))).replies for _ in range(2)]

    assert asyncio.run(main()) == [("Hello ade, the soldering iron is hot.",), ()]
    del sys.modules["radios"]


SECRET_ADDRESS = """
extends: go-live.yaml
inputs:
  hook: {type: string, secret: true, env: OWL_HOOK}
states:
  broadcast/pushing/on_air:
    activities:
      chat: {with: {responder: {http: {url: "{{ inputs.hook }}"}}}}
"""


def test_an_address_can_be_a_secret(tmp_path: Path) -> None:
    """As an input from the environment it is used, and no record shows it."""
    (tmp_path / "hook.yaml").write_text(SECRET_ADDRESS)
    address = "https://owl.example/hooks/very-secret-place"
    flow = with_provided_inputs(open_flow(str(tmp_path / "hook.yaml")), {"OWL_HOOK": address})
    rehearsal, service = Rehearsal(flow, tmp_path, inputs={"max_duration": "30s"}), Service({"hi": "hello"})
    rehearsal.give_credentials()
    around = Surroundings(Launcher("docs", {}), tmp_path, Keys(), Ledger(), VirtualClock().now, service)
    rehearsal.responders["http"] = registry.responders(around)["http"]
    rehearsal.options = replace(rehearsal.options, viewers=(Cue(3.0, "mira", text="hi"),))
    played = rehearsal.play()
    assert "hello" in [comment["text"] for comment in played.agent["chat"] if comment["agent"]]
    assert [str(request.url) for request in service.requests] == [address]
    assert "very-secret-place" not in repr(played.journal)
