"""Scenes of a flow, as `check` sees them."""

from __future__ import annotations

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.flow.check.check import check
from retake_flow.flow.load.load import load

FLOW = """\
flow: show
initial: on
scenes:
  work: [terminal]
states:
  on:
    entry: {scene: work}
    activities:
      display: {do: studio.display}
      manager: {do: studio.window_manager, needs: display}
      terminal: {do: studio.terminal, needs: manager, with: {command: [top]}}
    transitions: {stop: over, error: over, display.exited: over, manager.exited: over}
    initial: task
    states:
      task: {do: studio.scene, with: {to: brb}, transitions: {done: rest}}
      rest: {wait: 5m, transitions: {done: {to: task, scene: live}}}
  over: {final: completed}
"""


def test_scenes_of_the_flow_and_of_the_stage_are_known() -> None:
    """Both may be set by an effect and by the task."""
    assert check(load(FLOW, "show.yaml"), CATALOGUE) == ()


@pytest.mark.parametrize(
    ("written", "instead", "line", "said"),
    [
        ("entry: {scene: work}", "entry: {scene: wrok}", 7, "there is no scene 'wrok'"),
        ("with: {to: brb}", "with: {to: pause}", 15, "there is no scene 'pause'"),
        ("scene: live}", "scene: alive}", 16, "there is no scene 'alive'"),
        ("work: [terminal]", "work: [termnal]", 4, "'termnal', which is not an activity"),
    ],
)
def test_a_name_that_does_not_exist_is_a_mistake(written: str, instead: str, line: int, said: str) -> None:
    """The message says where, and what may have been meant."""
    [problem] = check(load(FLOW.replace(written, instead), "show.yaml"), CATALOGUE)
    assert (problem.position.line, problem.code) == (line, "RF014")
    assert said in problem.message
    assert problem.hint
