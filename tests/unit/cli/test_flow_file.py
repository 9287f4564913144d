"""Flows that a person names: what they are told of one, and which of them can be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from retake_flow.cli import flow_file
from retake_flow.flow.diagnostics import Problems
from retake_flow.settings import Settings

#: Breaks a rule of the platform: the session that it starts is never stopped.
OVERLAY = "extends: go-live.yaml\nstates:\n  broadcast/session: {undo: null}\n"


def told(text: str, folder: Path) -> list[tuple[str, int]]:
    """The codes and lines of what is wrong with a flow, which cannot be run then."""
    (folder / "owl.yaml").write_text(text, encoding="utf-8")
    settings = Settings.from_environment({"RETAKE_FLOW_CACHE": str(folder / "cache")})
    found = flow_file.problems(str(folder / "owl.yaml"), settings)
    with pytest.raises(Problems):
        flow_file.open_flow(str(folder / "owl.yaml"), settings)
    return [(problem.code, problem.position.line) for problem in found]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", ("RF070", 3)),
        ("  broadcast/pushing/open_chat: {do: chat.sned}\n", ("RF040", 4)),
        ("  broadcast/pushing/confirm_live: {transitions: {timeout: null}}\n", ("RF050", 4)),
        ("  pause: {before: brodcast, wait: 1s}\n", ("RF023", 4)),
    ],
)
def test_rules_are_held_against_a_flow_that_is_sound_otherwise(
    more: str, said: tuple[str, int], tmp_path: Path
) -> None:
    """Until then a broken rule may be but a consequence; the flow cannot be run in either case."""
    assert told(OVERLAY + more, tmp_path) == [said]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("  pause: {wait: 1s, transitions: {done: broadcast}}\n", "RF060"),
        ("  signed_off: {entry: {cancel: bye}}\n", "RF056"),
    ],
)
def test_what_leaves_the_paths_known_keeps_no_rule_from_being_checked(more: str, code: str, tmp_path: Path) -> None:
    """A state too many, or advice."""
    assert {each for each, _ in told(OVERLAY + more, tmp_path)} == {"RF070", code}
