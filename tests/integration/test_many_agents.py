"""One worker with many agents: each run acts as its own, and as nobody else."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from flow_processes import Home, at_home, retake_tv, waited, write_credentials

pytestmark = pytest.mark.real

NAMES = ("owl", "fox", "lark")
TOKENS = {name: f"rtk_many_{name}_0123456789" for name in (*NAMES, "stranger")}
OPTIONS = {"agents": [{"name": name, "token": token, "user_id": f"user_{name}"} for name, token in TOKENS.items()]}
LOOK = """
flow: look
initial: me
states:
  me: {do: credentials.load, transitions: {found: seen, missing: lost, error: lost}}
  seen: {do: retake.stream_status, transitions: {done: over, error: lost}}
  over: {final: completed}
  lost: {final: failed}
"""


def mounted(folder: Path, address: str) -> Path:
    """A Secret as Kubernetes mounts it: links to files in a folder of its own."""
    data = folder / "..2026_11_30.1"
    for name in NAMES:
        write_credentials(data / f"{name}.json", name, TOKENS[name], address)
    (folder / "..data").symlink_to(data.name)
    for name in NAMES:
        (folder / f"{name}.json").symlink_to(f"..data/{name}.json")
    return folder


def ended(home: Home) -> list[dict[str, Any]]:
    """The runs, once all have ended."""
    found = [json.loads(line) for line in home.call("runs", "--json").out.splitlines()]
    return found if all(run["outcome"] for run in found) else []


def test_every_agent_is_only_itself(tmp_path: Path) -> None:
    """Whatever the worker's own credentials are; a run of an agent that is not there waits, and says for what."""
    with retake_tv(tmp_path / "tv", OPTIONS) as tv, at_home(tmp_path / "home", RETAKE_API_URL=tv.address) as home:
        flow = home.folder / "look.yaml"
        flow.write_text(LOOK)
        agents = mounted(tmp_path / "agents", tv.address)
        own = {"RETAKE_ACCESS_TOKEN": TOKENS["stranger"]}
        driving = home.start("worker", "--capacity", "4", "--agents", str(agents), **own)
        for name in NAMES:
            submitted = home.call("submit", str(flow), "--agent", name, "--name", name)
            assert submitted.code == 0, submitted
        runs = waited(lambda: ended(home), "the end of all runs", every=0.3)
        assert {run["agent"]: run["outcome"] for run in runs} == dict.fromkeys(NAMES, "completed")
        for name in NAMES:
            records = home.call("show", name, "--journal", "--json").out
            assert f'"user_{name}"' in records
            assert not [other for other in TOKENS if other != name and f"user_{other}" in records]
        assert [tv.agent(name)["status_polls"]["count"] for name in NAMES] == [1, 1, 1]
        assert tv.agent("stranger")["status_polls"]["count"] == 0
        assert home.call("submit", str(flow), "--agent", "cat").code == 0
        waited(lambda: "has no credentials of cat" in home.call("runs").out, "why a run waits", every=0.3)
        driving.process.send_signal(signal.SIGTERM)
        assert driving.finish() == 0
    logs = "".join(file.read_text() for file in (home.folder / "state").rglob("*.log"))
    assert logs
    assert not [token for token in TOKENS.values() if token in logs + driving.out + driving.err]
