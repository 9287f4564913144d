"""Scenarios that are begun for people go where they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from retake_flow.flow.load.load import load_flow
from retake_flow.testing.gherkin.coverage import Coverage, words
from retake_flow.testing.gherkin.pytest_session import play
from retake_flow.testing.gherkin.suite import Suite, UnderTest
from retake_flow.testing.paths.paths import Paths
from retake_flow.testing.paths.skeletons import feature, skeletons
from retake_flow.testing.runs.rehearsed import open_flow

#: The transitions of go-live.yaml that only a person can write a scenario for: they ask how often something happened,
#: what variables are by then, for what comes only after hundreds of tries, or for something that comes before the run
#: is where the way leads from.
_FOR_PEOPLE = 32


def test_every_scenario_of_go_live_takes_its_transition(tmp_path: Path) -> None:
    """Written for all transitions, played as people would: each that is complete passes, the others fail."""
    flow = open_flow("go-live.yaml")
    written = list(skeletons(flow, {}, Coverage(flow).routes))
    file = tmp_path / "written.feature"
    file.write_text("\n".join(feature(flow, written)) + "\n", encoding="utf-8")
    suite = Suite(UnderTest(flow))
    play(suite, [file])
    outcomes = [verdict.outcome for verdict in suite.verdicts]
    pairs = list(zip(outcomes, written, strict=True))
    complete = [outcome for outcome, skeleton in pairs if not skeleton.missing]
    missed = {words(route) for route in suite.coverage.missed_routes}
    assert len(written) == len(suite.coverage.routes)
    assert set(complete) == {"passed"}
    assert {outcome for outcome, skeleton in pairs if skeleton.missing} == {"failed"}
    assert missed <= {words(skeleton.route) for skeleton in written if skeleton.missing}
    assert sum(1 for skeleton in written if skeleton.missing) == _FOR_PEOPLE
    # It takes many recoveries.
    assert [state.path for state in suite.coverage.missed_states] == ["broadcast/contested"]


_FLOW = """
flow: many
initial: ask
inputs: {name: {type: string}, strict: {type: boolean, default: false}}
events: {tip: {amount: {type: number}, by: {type: string}}}
states:
  ask:
    ask: {message: "?", decisions: {allow: {hours: {type: integer}}, refuse: {}}, timeout: 1d}
    transitions:
      allow: [{when: inputs.strict and result.hours > 12, to: long}, {to: short}]
      refuse: bad
      timeout: bad
  long: {transitions: {tip: [{when: "event.amount >= 50 and event.by == 'ann'", to: good}, {to: short}]}}
  short:
    activities: {health: {do: retake.stream_status, every: 30s, raises: {offline: not result.is_live}}}
    timeout: 9h
    transitions: {offline: bad, timeout: good, stop: bad}
  good: {final: completed}
  bad: {final: failed, reason: "{{ inputs.name }}"}
"""


def test_values_are_found_with_which_guards_hold() -> None:
    """Numbers and texts beside those in the guards, of answers and of events, and what is asked for besides."""
    flow = load_flow(_FLOW, "many.yaml")
    written = list(skeletons(flow, {}, Coverage(flow).routes))
    text = "\n".join(feature(flow, written))
    assert [skeleton.missing for skeleton in written if skeleton.missing] == []
    assert len(written) == len(Coverage(flow).routes)
    assert "| hours | 13 |" in text
    assert "| by | ann |" in text
    assert "Given the input name is" in text
    assert "the input strict is true" in text


@pytest.mark.parametrize(
    ("state", "states"), [("ask", ["ask"]), ("short", ["ask", "short"]), ("good", ["ask", "long", "good"])]
)
def test_the_shortest_way_is_found(state: str, states: list[str]) -> None:
    """To a state, from the start on."""
    path = Paths(load_flow(_FLOW, "many.yaml")).to(state)
    assert path is not None
    assert len(path.states) == len(states)
    assert path.states[-1] == state
