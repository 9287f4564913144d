"""A process that reads chat may die at any time: no message, no reply and no event is lost, and none comes twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from retake_flow.flow.load.load import load
from retake_flow.rehearsal.setup.viewer_script import Cue
from retake_flow.testing.fakes.services import FakeResponder
from retake_flow.testing.runs.rehearsed import AGENT, Rehearsal, Rehearsed

_FLOW = b"""\
flow: chat
initial: credentials
events: {vote: {choice: {type: string}}}
states:
  credentials: {do: credentials.load, transitions: {found: talk, missing: over}}
  talk:
    activities:
      chat:
        do: chat.respond
        every: 3s
        with:
          since: 0
          responder: {command: [brain]}
          silence: {after: 10s, messages: [Still here.]}
    timeout: 30s
    transitions:
      tip: {set: {tips: "{{ vars.tips|default([]) + [event.amount] }}"}}
      vote: {set: {votes: "{{ vars.votes|default([]) + [event.choice] }}"}}
      follow: {set: {follows: "{{ vars.follows|default(0) + 1 }}"}}
      timeout: over
  over: {final: completed}
"""
_CUES = (
    Cue(4.0, "mira", text="a"),
    Cue(4.5, "ade", "tip", text="for you", amount=5.0),
    Cue(4.6, "kim", "tip", text="for you, too", amount=7.0),
    Cue(6.0, "ade", text="b"),
    Cue(6.1, "kim", "follow"),
    Cue(8.0, "mira", text="c"),
)
_TALKS = 4  # the first write after that which viewers wait for
_READ = ["a", "for you", "for you, too", "b", "c"]
_RAISED = {"a": ("vote", {"choice": "A"}), "b": ("vote", {"choice": "B"}), "c": ("nobody", {})}
_SAID = ["to a", "thanks", "thanks, too", "to b", "to c", "Still here."]


def _rehearsal(folder: Path, *, live: bool, die_at: str = "") -> Rehearsal:
    flow = load(_FLOW, "chat.yaml").flow
    assert flow is not None
    rehearsal = Rehearsal(flow, folder, die_at=die_at, comebacks=[2.5])
    rehearsal.options = replace(rehearsal.options, comments_without_session=200, realtime=live)
    rehearsal.responders["command"] = FakeResponder(dict(zip(_READ, _SAID, strict=False)), _RAISED).serve
    rehearsal.give_credentials()
    for cue in _CUES:
        rehearsal.intervene(
            "talk",
            cue.at,
            lambda scene, cue=cue: scene.platform.viewers.perform(scene.platform.agents.by_id(AGENT.user_id), cue),
        )
    return rehearsal


def _outcome(rehearsed: Rehearsed) -> tuple[object, ...]:
    said = [c["text"] for c in rehearsed.agent["chat"] if c["agent"]]
    read = [record["text"] for record in rehearsed.records("chat_message")]
    journalled = [record["text"] for record in rehearsed.records("chat_sent")]
    counted = [rehearsed.run.vars.get(name) for name in ("tips", "votes")]
    refused = len(rehearsed.records("event_refused", name="nobody"))
    return rehearsed.run.outcome, read, said, journalled, counted, refused


@pytest.mark.parametrize("live", [True, False], ids=["in real time", "asked for"])
@pytest.mark.parametrize("side", "-+")
def test_dying_at_any_write_loses_nothing_and_doubles_nothing(tmp_path: Path, live: bool, side: str) -> None:
    """Before and after every write of the journal: all is read, said and recorded once, and in order."""
    expected = ("completed", _READ, _SAID, _SAID, [[5.0, 7.0], ["A", "B"]], 1)
    writes = heard = 0
    for boundary in count(_TALKS):
        folder = tmp_path / str(boundary)
        folder.mkdir()
        rehearsed = _rehearsal(folder, live=live, die_at=f"{boundary}{side}").play()
        if len(rehearsed.writes) == 1:
            break
        writes = boundary
        assert _outcome(rehearsed) == expected, f"after dying at {boundary}{side}"
        # Nobody hears of a follow that happens while no process is there.
        follows = len(rehearsed.records("chat_deed"))
        assert follows <= live
        assert rehearsed.run.vars.get("follows", 0) == follows, f"after dying at {boundary}{side}"
        heard += follows
    assert writes > 20
    assert heard > 15 * live - 1
