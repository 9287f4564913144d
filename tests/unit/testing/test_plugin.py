"""Features under plain pytest, and what keeps them from being played."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from retake_flow.errors import UsageError
from retake_flow.flow.load.load import load_flow
from retake_flow.testing.gherkin.lint import Flawed
from retake_flow.testing.gherkin.pytest_session import play
from retake_flow.testing.gherkin.suite import Suite, UnderTest

_FLOW = """
flow: hello
initial: look
states:
  look:
    do: retake.verification_status
    transitions: {done: [{when: result.verified, to: good}, {to: bad}], error: bad}
  good: {final: completed}
  bad: {final: failed, reason: no}
"""
_FEATURE = """
Feature: Hello
  Scenario Outline: Somebody is asked
    Given look gives
      | verified   |
      | <verified> |
    When the flow is run
    Then the run is <end>

    Examples:
      | verified | end       |
      | true     | completed |
      | false    | failed    |
"""
_STEPS = """
from pytest_bdd import given, then

@{kind}("the owl is awake")
{prefix}def awake(observed):
    assert observed.run.outcome == "{end}", "the owl sleeps"
"""
_OWL = """
Feature: Owls
  Scenario: The owl
    When the flow is run
    Then the owl is awake
"""


def _written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return folder


def _played(*features: Path) -> Suite:
    suite = Suite(UnderTest(load_flow(_FLOW, "hello.yaml")))
    play(suite, features, python=True)
    return suite


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=180)


# --- plain pytest -------------------------------------------------------------------------------------------


def test_plain_pytest_plays_features_when_a_flow_is_named(tmp_path: Path) -> None:
    """Without a test module; each example is a test, and a failure has no traceback."""
    _written(tmp_path, hello_yaml=_FLOW, a_feature=_FEATURE.replace("| failed ", "| stopped"))
    done = _pytest(tmp_path, "--flow", "hello.yaml")
    assert "1 failed, 1 passed" in done.stdout
    assert "-> Then the run is stopped  (a.feature:8)" in done.stdout
    assert "got: failed in 'bad': no" in done.stdout
    assert "Traceback" not in done.stdout
    assert done.returncode == 1


def test_a_flow_can_be_named_in_the_configuration(tmp_path: Path) -> None:
    """As `retake_flow`, from any folder below."""
    below = tmp_path / "below"
    below.mkdir()
    _written(tmp_path, hello_yaml=_FLOW, pytest_ini="[pytest]\nretake_flow = hello.yaml\n")
    _written(below, a_feature=_FEATURE)
    done = _pytest(below)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_nobody_is_disturbed_who_names_no_flow(tmp_path: Path) -> None:
    """Features are not collected, and nothing of the engine, of Jinja2 or of pytest-bdd's steps is imported."""
    test = "import sys\ndef test_it():\n    assert 'retake_flow.testing.plugin' in sys.modules\n" + (
        "    assert not [name for name in sys.modules if name.startswith(('retake_flow.engine', 'retake_flow.flow'))]\n"
    )
    _written(tmp_path, hello_yaml=_FLOW, a_feature=_FEATURE, test_a_py=test)
    done = _pytest(tmp_path)
    assert "1 passed" in done.stdout, done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--flow", "nowhere.yaml"), "there is no flow 'nowhere.yaml'"),
        (("--flow", "hello.yaml", "--flow-mock", "nowhere"), "nowhere cannot be read"),
        (("--flow", "hello.yaml", "--flow-set", "foo=1"), "the flow 'hello' has no input 'foo'"),
        (("--flow", "hello.yaml", "--flow-phrases", "nope.yaml"), "nope.yaml cannot be read"),
        (("--flow", "hello.yaml", "--flow-set", "a"), "--flow-set takes NAME=VALUE"),
    ],
)
def test_options_that_cannot_be_are_told(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """As pytest tells its own: one message, no traceback, exit code 4."""
    _written(tmp_path, hello_yaml=_FLOW, a_feature=_FEATURE)
    done = _pytest(tmp_path, *arguments)
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == 4


# --- what is refused ----------------------------------------------------------------------------------------


def test_steps_of_ones_own_stand_beside_the_features(tmp_path: Path) -> None:
    """In a conftest.py; they see the run as ours do, and nothing is left behind."""
    _written(tmp_path, a_feature=_OWL, conftest_py=_STEPS.format(kind="then", prefix="", end="completed"))
    assert [verdict.outcome for verdict in _played(tmp_path).verdicts] == ["passed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.feature", "conftest.py"]


def test_a_step_of_ones_own_that_fails_is_told_with_its_place(tmp_path: Path) -> None:
    """Not with a traceback."""
    _written(tmp_path, a_feature=_OWL, conftest_py=_STEPS.format(kind="then", prefix="", end="failed"))
    (verdict,) = _played(tmp_path).verdicts
    assert verdict.failure is not None
    assert "the owl sleeps" in verdict.failure.message
    assert "conftest.py:6" in verdict.failure.message


def test_an_async_step_is_refused(tmp_path: Path) -> None:
    """It would never be awaited, and always pass."""
    _written(tmp_path, a_feature=_OWL, conftest_py=_STEPS.format(kind="then", prefix="async ", end="failed"))
    with pytest.raises(Flawed, match=r"a\.feature:5:5: the step 'the owl is awake' is async"):
        _played(tmp_path)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("When the flow is run\n      | a | b |", "the step 'the flow is run' takes no table"),
        ("Given look gives\n    When the flow is run", "the step 'look gives' needs a table"),
        ('When the flow is run\n      """\n      text\n      """', "the step 'the flow is run' takes no text"),
        ("Given this flow\n    When the flow is run", "the step 'this flow' needs a text"),
    ],
)
def test_a_table_stands_where_one_is_read(tmp_path: Path, written: str, words: str) -> None:
    """One that nobody reads would be lost, one that is missing would be found out too late."""
    _written(tmp_path, a_feature=f"Feature: F\n  Scenario: S\n    {written}\n    Then the run is completed\n")
    with pytest.raises(Flawed, match=words):
        _played(tmp_path)


def test_two_features_may_not_share_a_scenario(tmp_path: Path) -> None:
    """A failure would name two places."""
    _written(tmp_path, a_feature=_FEATURE, b_feature=_FEATURE)
    with pytest.raises(
        Flawed, match=r"b\.feature:3:1: the scenario 'Somebody is asked' already exists at .*a\.feature:3:1"
    ):
        _played(tmp_path)


def test_only_features_that_are_named_count(tmp_path: Path) -> None:
    """What lies beside them is neither judged nor played, and is no namesake."""
    _written(tmp_path, a_feature=_OWL.replace("Then the owl is awake", "Then the run is failed"), b_feature=_OWL)
    _written(tmp_path, c_feature=_FEATURE)
    assert [verdict.scenario for verdict in _played(tmp_path / "a.feature").verdicts] == ["The owl"]


def test_several_features_of_a_folder_can_be_named(tmp_path: Path) -> None:
    """Also one of them twice, or beside the folder: each is played once."""
    _written(tmp_path, a_feature=_FEATURE, b_feature=_FEATURE.replace("Somebody is", "Nobody is"))
    both = (tmp_path / "a.feature", tmp_path / "b.feature")
    for named in (both, (*both, both[0]), (tmp_path, both[1])):
        assert [verdict.outcome for verdict in _played(*named).verdicts] == ["passed"] * 4


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Of all features, with their places."""
    _written(tmp_path, a_feature=_FEATURE.replace("gives", "givs"), b_feature="Feature: B\n  Scenaro: x\n")
    with pytest.raises(Flawed) as refused:
        _played(tmp_path)
    places = [(Path(flaw.position.file).name, flaw.position.line) for flaw in refused.value.flaws]
    assert ("a.feature", 4) in places
    assert "there is no step Given look givs" in refused.value.message
    assert "Given {place} gives" in refused.value.message


@pytest.mark.parametrize("text", ["", "# nothing\n", "Feature: F\n  When x\n", "Scenario: S\n", "\x00"])
def test_what_is_no_feature_is_refused(tmp_path: Path, text: str) -> None:
    """By one message with its place, or as one without any scenario."""
    _written(tmp_path, a_feature=text)
    with pytest.raises(UsageError) as refused:
        _played(tmp_path)
    assert "Traceback" not in refused.value.message


def test_an_outline_without_examples_is_refused(tmp_path: Path) -> None:
    """It would be played with the brackets in it, or not at all."""
    _written(tmp_path, a_feature=_FEATURE.partition("    Examples:")[0])
    with pytest.raises(Flawed, match="has no examples"):
        _played(tmp_path)


def test_scenarios_can_be_chosen(tmp_path: Path) -> None:
    """As by pytest's -k; that none is chosen is told."""
    _written(tmp_path, a_feature=_FEATURE, b_feature=_FEATURE.replace("Somebody is", "Nobody is"))
    suite = Suite(UnderTest(load_flow(_FLOW, "hello.yaml")))
    play(suite, [tmp_path], "Nobody")
    assert {verdict.scenario.partition("[")[0] for verdict in suite.verdicts} == {"Nobody is asked"}
    with pytest.raises(UsageError, match="there is no scenario that fits 'owl'"):
        play(Suite(UnderTest(load_flow(_FLOW, "hello.yaml"))), [tmp_path], "owl")


def test_what_the_scenarios_reach_is_counted() -> None:
    """Each transition by itself: of two for one event the one that was taken."""
    suite = Suite(UnderTest(load_flow(_FLOW, "hello.yaml")))
    described = suite.coverage.as_json()
    assert (described["states"]["reached"], described["transitions"]["of"]) == (0, 3)


def test_coverage_tells_the_transitions_of_one_event_apart(tmp_path: Path) -> None:
    """The scenario with an answer `false` takes the second of two, and not the first."""
    _written(tmp_path, a_feature=_FEATURE.replace("      | true     | completed |\n", ""))
    described = _played(tmp_path).coverage.as_json()
    assert [missed["when"] for missed in described["transitions"]["missed"]] == ["result.verified", ""]
    assert [missed["state"] for missed in described["states"]["missed"]] == ["good"]


def test_a_feature_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Some editors write one before the first word."""
    (tmp_path / "hello.feature").write_text("\ufeff" + _FEATURE.lstrip(), encoding="utf-8")
    suite = Suite(UnderTest(load_flow(_FLOW, "hello.yaml")))
    play(suite, [tmp_path / "hello.feature"])
    assert [verdict.outcome for verdict in suite.verdicts] == ["passed", "passed"]
