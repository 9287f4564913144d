"""Rules and actions of one's own: they are seen by their own names, and by what they configure."""

from __future__ import annotations

import pytest
from flow_samples import flow_of

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.action_spec import with_own
from retake_flow.flow.rules import load
from retake_flow.flow.rules.check import find_breaches, render_path
from retake_flow.flow.rules.load import read

HEAD = """\
actions:
  house.post:
    {do: http.request, with: {method: POST, url: "https://example.org/{{ inputs.to }}"}, inputs: {to: {type: string}}}
  house.look: {do: program.run, with: {command: [./look]}, outcomes: [done, failed]}
  house.draw:
    {do: program.run, with: {command: [./draw]}, outcomes: [drawn, nobody], result: {viewers: {type: integer}}}
  house.bell: {do: program.run, with: {command: [./bell], lines: true}}
"""
POST = "{do: house.post, with: {to: all}, transitions: {done: z, error: z}}"
Z = "z: {final: completed}"


def told(*do: str, z: str = Z) -> str:
    """States that do something one after the other, and then post."""
    lines = [f"s{n}: {{{each} transitions: {{{_ends(each)}: s{n + 1}, error: z}}}}" for n, each in enumerate(do)]
    return "{" + ", ".join([*lines, f"s{len(do)}: {POST}", z]) + "}"


def _ends(do: str) -> str:
    return "drawn: z, nobody" if "draw" in do else "failed: z, done" if "look" in do or "program" in do else "done"


SAY = "do: operator.tell, with: {message: hi},"
LOOK, DRAW = "do: house.look,", "do: house.draw,"


@pytest.mark.parametrize(
    ("rule", "states", "kept"),
    [
        ("before: house.post\ncomes: operator.tell", told(SAY), True),
        ("before: house.post\ncomes: operator.tell", told(), False),
        ("before: http.request\ncomes: operator.tell", told(SAY), True),
        ("before: http.request\ncomes: operator.tell", told(), False),
        ("before: {begins: http.request, with: {method: POST}}\ncomes: operator.tell", told(), False),
        ("before: {begins: http.request, with: {method: GET}}\ncomes: operator.tell", told(), True),
        # What is given by an expression may be anything.
        ('before: {begins: http.request, with: {url: "https://example.org/"}}\ncomes: operator.tell', told(), False),
        ("before: http.request\ncomes: program.run", told(LOOK), True),
        ("before: http.request\ncomes: program.run", told(DRAW), True),
        ("before: http.request\ncomes: {done: program.run, outcome: failed}", told(DRAW), False),
        ("before: http.request\ncomes: {done: house.draw, outcome: nobody}", told(DRAW), True),
        ("while: s0\nalso: program.run", told(SAY), False),
        ("while: s0\nalso: program.run", told(f"activities: {{bell: {{do: house.bell}}}}, {SAY}"), True),
        ("while: s0\nalso: house.bell", told(f"activities: {{bell: {{do: house.bell}}}}, {SAY}"), True),
        ("between: operator.tell\nand: program.run\nnothing: http.request", told(SAY, LOOK), True),
        ("between: operator.tell\nand: program.run\nnothing: http.request", told(SAY), False),
    ],
)
def test_rules_see_what_a_name_stands_for(rule: str, states: str, kept: bool) -> None:
    """A name hides nothing, and a rule about the name itself holds too."""
    flow = flow_of(states, head=HEAD, initial="s0")
    lines = "".join(f"    {line}\n" for line in rule.splitlines())
    found = read(
        f"rules: house\nevery_path:\n  it:\n    because: so\n{lines}",
        "house.rules.yaml",
        with_own(flow, CATALOGUE),
        flow,
    )
    assert found.problems == ()
    breaches = find_breaches(flow, CATALOGUE, found.rules)
    assert (not breaches) is kept, [render_path(breach.path) for breach in breaches]


AIR = """\
  load: {do: credentials.load, transitions: {found: look, missing: bad, error: bad}}
  look: {do: LOOK, transitions: {done: [{when: result.verified, to: start}, {to: bad}], error: bad}}
  start: {do: retake.start_stream, transitions: {done: bad, error: bad}}
  bad: {final: failed}
"""
VERIFY = (
    "actions: {house.verify: {do: program.run, with: {command: [./verify]}, result: {verified: {type: boolean}}}}\n"
)


def test_no_own_action_stands_in_for_the_platforms() -> None:
    """The platform's rules hold on paths with own actions in them, whatever those say."""
    broken = {}
    for do in ("house.verify", "retake.verification_status"):
        flow = flow_of(AIR.replace("LOOK", do), "load", VERIFY)
        broken[do] = {breach.rule.name for breach in find_breaches(flow, CATALOGUE, load.platform(CATALOGUE))}
    assert broken["house.verify"] - broken["retake.verification_status"] == {"verified_first"}
