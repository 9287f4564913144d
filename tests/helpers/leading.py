"""Leads a flow through a script, as `simulate` does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.load.inputs import resolve
from retake_flow.flow.load.load import load_flow
from retake_flow.flow.model import Flow
from retake_flow.whatif.simulate import mocks
from retake_flow.whatif.simulate.simulation import Simulation

#: An action that is tried again, then a question; a task and a service beside them.
WATCHED = """
flow: watched
initial: watch
states:
  watch:
    initial: look
    activities:
      chat: {do: chat.respond, every: 3s, with: {since: 0}}
      display: {do: studio.display}
    timeout: 10s
    transitions: {timeout: late, display.exited: dark, stop: over}
    states:
      look:
        do: retake.verification_status
        retry: {max: 1, interval: 2s}
        transitions: {done: approve, error.unavailable: dark, error: late}
      approve:
        ask: {message: "May it?", decisions: {allow: {hours: {type: integer}}, refuse: }}
        transitions: {allow: over, refuse: dark, hurry: {to: over, set: {by: "{{ event.who }}"}}}
  over: {final: completed}
  late: {final: failed, reason: too late}
  dark: {final: failed, reason: "{{ event.reason|default(event.message) }}"}
"""


def flow(text: str) -> Flow:
    """The flow in a text."""
    return load_flow(text, "flow.yaml")


def lead(text: str, *lines: Mapping[str, Any] | str, mock: str = "", **inputs: Any) -> list[dict[str, Any]]:
    """All that is written: one object for the start, and one for each line."""
    return list(_led(text, lines, mock, inputs))


def _led(
    text: str, lines: tuple[Mapping[str, Any] | str, ...], mock: str, inputs: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    known = flow(text)
    mocked = mocks.read(mock.encode(), "mocks.yaml", known, CATALOGUE) if mock else mocks.Mocks()
    with closing(Simulation(known, resolve(known, inputs), mocked, CATALOGUE)) as simulation:
        yield simulation.start()
        for number, line in enumerate(lines, 1):
            said = line if isinstance(line, str) else json.dumps(line)
            yield simulation.take(said.encode(), number)


def queued(seen: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """What of one kind stands in the queue."""
    return [each for each in seen["queue"] if each["kind"] == kind]
