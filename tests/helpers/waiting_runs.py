"""Flows that need no programs, and runs of them whose process is gone, for the tests of going on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cli_command import Command, Said
from stored_runs import DEAD

from retake_flow.engine.core.machine import Machine
from retake_flow.flow.load.load import load_flow
from retake_flow.ports.runs import Holder, Runs
from retake_flow.run import events
from retake_flow.run.run import Run

ASKING = """\
flow: asking
version: 1
initial: question
states:
  question:
    ask: {message: "Well?", answer: {word: {type: string}}, timeout: 1h}
    transitions: {answered: done, timeout: late}
  done: {final: completed}
  late: {final: failed, reason: nobody answered}
"""
NAPPING = """\
flow: napping
initial: nap
states:
  nap: {wait: 50ms, transitions: {done: rested}}
  rested: {final: completed}
"""


def put(folder: Path, name: str = "asking", text: str = ASKING) -> Path:
    """A flow in the folder where we stand."""
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def suspended(command: Command, store: Runs, folder: Path) -> str:
    """A run that waits for an answer without a process; gives its id."""
    put(folder)
    said = command("run", "asking.yaml")
    assert said.code == 4, said.err
    return store.find("last")


def begun(
    store: Runs,
    folder: Path,
    name: str,
    text: str = NAPPING,
    holder: Holder | None = DEAD,
    at: float = 1000.0,
    **changes: Any,
) -> None:
    """A run that has begun at that time, and was let go or is still held."""
    file = put(folder, name, text)
    flow = load_flow(text, str(file))
    run = Machine(flow).step(Run(name, flow.name, flow.digest, {}), events.Started(), at).run
    claim = store.create(
        Run(name, flow.name, flow.digest, {}),
        agent="owl",
        flow_file=str(file),
        flow_text=flow.sources.dump(),
        holder=holder or DEAD,
    )
    claim.write(replace(run, **changes), [])
    if holder is None:
        claim.release()


def names(said: Said) -> list[str]:
    """The names of the records that a command wrote."""
    return [record["event"] for record in said.records]
