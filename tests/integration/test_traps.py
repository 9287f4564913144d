"""A stranger's flow is only read: commands that look at it run nothing of it, import nothing and ask nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_processes import Home, at_home

pytestmark = pytest.mark.real

SPRING = "from pathlib import Path\nPath({mark!r}).touch()\n"
PYTHON = """
from retake_flow.plugins import action
@action(idempotency="safe")
def pick(names: list[str]) -> None:
    '''Pick one.'''
async def reply(batch):
    return {}
"""
#: Whatever is run leaves a mark, whatever is asked knocks at a port.
FLOW = """\
flow: trap
initial: a
events: {ring: {n: {type: integer}}}
notify: ["json://127.0.0.1:PORT/told"]
rules: [house.rules.yaml]
inputs: {word: {type: string, default: hello}}
actions:
  house.pick: {python: "picking:pick"}
  house.post: {do: http.request, with: {method: POST, url: "http://127.0.0.1:PORT/post", private: true}}
  house.bell: {do: program.run, with: {command: [./trap.sh], lines: true}}
states:
  a:
    initial: b
    activities:
      bell: {do: house.bell, retry: {max: 9}}
      lines: {do: program.run, with: {command: [./trap.sh], lines: true}}
      look: {do: program.run, every: 1m, with: {command: [./trap.sh]}, raises: {ring: "result.exit_code != 0"}}
      ask: {do: http.request, every: 1m, with: {url: "http://127.0.0.1:PORT/", private: true}}
      display: {do: studio.display}
      work: {do: studio.terminal, needs: display, with: {command: [./trap.sh]}}
      page: {do: studio.page, needs: display, with: {url: "http://127.0.0.1:PORT/page", allow: ["127.0.0.1"]}}
      brain: {do: chat.respond, every: 3s, with: {since: "{{ now }}", responder: {command: [./trap.sh]}}}
      module: {do: chat.respond, every: 3s, with: {since: "{{ now }}", responder: {module: "brain:reply"}}}
      hook: {do: chat.respond, every: 3s, with: {since: "{{ now }}", responder: {http: {url: "http://127.0.0.1:PORT/brain"}}}}
      model:
        do: chat.respond
        every: 3s
        with: {since: "{{ now }}", responder: {openai: {url: "http://127.0.0.1:PORT/v1", model: m}}}
    transitions: {ring: over, bell.exited: over, lines.exited: over, display.exited: over, stop: over, error: over}
    states:
      b:
        do: program.run
        with: {command: [./trap.sh]}
        poll: {every: 1s, until: result.exit_code == 0}
        undo: {do: house.post}
        transitions: {done: c, failed: c}
      c: {do: house.pick, with: {names: [mira]}, transitions: {done: d}}
      d: {do: plugged.pick, with: {names: [mira]}, transitions: {done: e}}
      e: {do: house.post, transitions: {done: f}}
      f: {ask: {message: "{{ inputs.word }}?", decisions: {yes: , no: }}, transitions: {yes: over, no: over}}
  over: {final: completed}
"""
#: A run of it waits for a person before the first trap.
WAITING = """\
extends: trap.yaml
notify: []
initial: first
states:
  first: {ask: {message: "{{ inputs.word }}?", decisions: {yes: , no: }}, transitions: {yes: a, no: over}}
"""
RULES = "rules: house\nevery_path:\n  it: {because: so, before: house.pick, comes: program.run}\n"
FEATURE = (
    'Feature: Trap\n  Scenario: It runs\n    When the flow is run\n    And 2m passes\n    Then it is in state "a/f"\n'
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home in which an installed package offers actions, and stands for everything that could be imported."""
    packages = tmp_path / "packages"
    info = packages / "plugged-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[retake_flow.actions]\nplugged.pick = plugged.inner:pick\n")
    with at_home(tmp_path / "home", RETAKE_ACCESS_TOKEN="rtk_traps_0123456789", PYTHONPATH=str(packages)) as made:
        spring = SPRING.format(mark=str(tmp_path / "sprung"))
        (packages / "plugged").mkdir()
        for file in (
            packages / "plugged" / "__init__.py",
            packages / "plugged" / "inner.py",
            *(
                made.folder / f"{name}.py"
                for name in ("picking", "brain", "yaml", "httpx", "conftest", "sitecustomize")
            ),
        ):
            file.write_text(spring + PYTHON)
        trap = made.folder / "trap.sh"
        trap.write_text(f"#!/bin/sh\ntouch {tmp_path / 'sprung'}\n")
        trap.chmod(0o755)
        yield made


def test_looking_at_a_flow_runs_nothing_of_it(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked about it; only a run looks for its functions before it begins."""
    monkeypatch.chdir(home.folder)
    net = socket.create_server(("127.0.0.1", 0))
    net.setblocking(False)
    text = FLOW.replace("PORT", str(net.getsockname()[1]))
    for name, content in {
        "trap.yaml": text,
        "over.yaml": "extends: trap.yaml\ninputs: {word: hi}\n",
        "house.rules.yaml": RULES,
        "trap.feature": FEATURE,
        "later.jsonl": '{"advance": "10m"}\n',
        "waiting.yaml": WAITING,
        "mock.yaml": "house.pick: done\nplugged.pick: done\nprogram.run: done\nhouse.post: done\n",
    }.items():
        (home.folder / name).write_text(content)
    assert home.call("run", "waiting.yaml", "--json").code == 4
    run = home.row()["id"]
    (tmp_path / "sprung").unlink()  # a run looks first whether its functions can be found
    for arguments in (
        "check trap.yaml",
        "plan over.yaml --all-paths",
        "graph over.yaml --format mermaid",
        "show-flow over.yaml",
        "simulate over.yaml later.jsonl --mock mock.yaml",
        "init mine --extends trap.yaml --output mine.yaml",
        "actions plugged.pick",
        "actions --json",
        "schema --with-plugins",
        "paths trap.yaml",
        "test trap.yaml trap.feature",
        f"show {run} --json",
    ):
        done = home.call(*arguments.split())
        assert done.code == 0, (arguments, done)
        assert not (tmp_path / "sprung").exists(), arguments
    with net, pytest.raises(BlockingIOError):
        net.accept()
