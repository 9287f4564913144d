"""A stranger's features: which files are taken, and that nothing of theirs is run or takes long."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retake_flow.errors import UsageError
from retake_flow.flow.load.load import load_flow
from retake_flow.testing.gherkin.lint import Flawed
from retake_flow.testing.gherkin.pytest_session import play
from retake_flow.testing.gherkin.suite import Suite, UnderTest

FLOW = "flow: hello\ninitial: z\nstates: {z: {final: completed}}\n"
FEATURE = "Feature: Hello\n  Scenario: It ends\n    When the flow is run\n    Then the run is completed\n"
#: What leaves a mark when it is run, wherever that is.
EVIL = "import pathlib\npathlib.Path({mark!r}).write_text(__file__)\n"
CONFIGURATIONS = {
    "pytest.ini": "[pytest]\naddopts = -p evil\npython_files = *.py\npythonpath = .\n",
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p evil"\npythonpath = ["."]\n',
    "setup.cfg": "[tool:pytest]\naddopts = -p evil\n",
    "tox.ini": "[pytest]\naddopts = -p evil\n",
    ".pytest.ini": "[pytest]\naddopts = -p evil\n",
}
MODULES = (
    *("conftest.py", "__init__.py", "test_it.py", "it_test.py", "evil.py", "setup.py", "sitecustomize.py"),
    *("argparse.py", "json.py", "re2.py", "pytest.py", "pytest_bdd.py", "ruamel.py", "hello.py"),
)


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """A folder with a flow, features in two depths, and whatever could be run in each of its folders."""
    top = tmp_path / "top"
    deep = top / "features" / "deep"
    deep.mkdir(parents=True)
    (top / "hello.yaml").write_text(FLOW, encoding="utf-8")
    for folder in (tmp_path, top, top / "features", deep, top / "features" / "tests"):
        folder.mkdir(exist_ok=True)
        for name in MODULES:
            (folder / name).write_text(EVIL.format(mark=str(tmp_path / "mark")), encoding="utf-8")
        for name, text in CONFIGURATIONS.items():
            (folder / name).write_text(text, encoding="utf-8")
    (top / "features" / "a.feature").write_text(FEATURE, encoding="utf-8")
    (deep / "b.feature").write_text(FEATURE.replace("It ends", "It ends too"), encoding="utf-8")
    return top


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["test", "hello.yaml"], "2 scenarios: 2 passed"),
        (["test", "hello.yaml", "features/deep"], "1 scenario: 1 passed"),
        (["test", "hello.yaml", "features/deep/b.feature", "features"], "2 scenarios: 2 passed"),
        (["paths", "hello.yaml", "--uncovered", "features"], ""),
    ],
    ids=["beside", "folder", "file", "paths"],
)
def test_no_python_of_the_folder_is_run(strange: Path, tmp_path: Path, command: list[str], told: str) -> None:
    """Whatever it is called, and whatever the environment would have pytest do; one line says what is left out."""
    environment = {**os.environ, "PYTEST_ADDOPTS": "-p evil", "PYTEST_PLUGINS": "evil", "HOME": str(tmp_path / "home")}
    program = [sys.executable, "-m", "retake_flow", *command]
    done = subprocess.run(program, cwd=strange, env=environment, capture_output=True, text=True, timeout=180)
    assert (done.returncode, told in done.stdout) == (0, True), done
    assert not (tmp_path / "mark").exists(), (tmp_path / "mark").read_text(encoding="utf-8")
    assert done.stderr.count("\n") == 1
    assert "conftest.py; --python takes the steps in it" in done.stderr


RESPONDING = """\
Feature: Responding
  Scenario: A function of the flow answers
    Given an agent with credentials
    And this flow
      '''
      extends: go-live.yaml
      states: {broadcast/pushing/on_air: {activities: {chat: {with: {responder: {module: "evil:reply"}}}}}}
      '''
    And it is to be on air for 9s
    And these viewers
      | at | name | text |
      | 2  | mira | hi   |
    STEP
    When the agent goes live
    Then the run is completed
"""


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("And the function of the flow answers", "this step runs Python of the flow"),
        ("And the module evil beside the flow\n      '''\n      EVIL\n      '''", "this step runs Python of the flow"),
        ("And a web service that says\n      | to | reply |", ""),
    ],
    ids=["function", "module", "other"],
)
def test_no_function_of_the_flow_is_run(tmp_path: Path, step: str, told: str) -> None:
    """A scenario that brings Python along is refused without --python, and no other loads the module."""
    mark = tmp_path / "mark"
    evil = EVIL.format(mark=str(mark))
    (tmp_path / "evil.py").write_text(evil, encoding="utf-8")
    (tmp_path / "hello.yaml").write_text(FLOW, encoding="utf-8")
    text = RESPONDING.replace("STEP", step.replace("EVIL", evil.replace("\n", "\n      "))).replace("'''", '"""')
    (tmp_path / "it.feature").write_text(text, encoding="utf-8")
    program = [sys.executable, "-m", "retake_flow", "test", "hello.yaml", "it.feature"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert told in done.stdout, done
    assert not mark.exists()
    if "module" in step:
        trusted = subprocess.run([*program, "--python"], cwd=tmp_path, capture_output=True, timeout=180, check=False)
        assert mark.exists(), trusted


def _steps(folder: Path, word: str) -> None:
    text = "from pytest_bdd import then\n@then('the {0} is awake')\ndef awake(observed):\n    pass\n"
    (folder / "conftest.py").write_text(text.format(word), encoding="utf-8")


def _played(*features: Path, python: bool = False) -> Suite:
    suite = Suite(UnderTest(load_flow(FLOW, str(features[0].parent / "hello.yaml"))))
    play(suite, features, python=python)
    return suite


def test_steps_of_ones_own_are_run_when_that_is_asked_for(tmp_path: Path) -> None:
    """Those of the features' folders, and not of those around; test modules never are."""
    top, deep = tmp_path / "top", tmp_path / "top" / "deep"
    deep.mkdir(parents=True)
    _steps(top, "owl")
    _steps(deep, "owlet")
    mark = EVIL.format(mark=str(tmp_path / "mark"))
    for file in (tmp_path / "conftest.py", deep / "test_it.py", top / "test_it.py"):
        file.write_text(mark, encoding="utf-8")
    feature = FEATURE + "    And the owl is awake\n"
    (top / "a.feature").write_text(feature, encoding="utf-8")
    (deep / "b.feature").write_text(
        feature.replace("It ends", "It ends too") + "    And the owlet is awake\n", encoding="utf-8"
    )
    suite = _played(top, python=True)
    assert ([verdict.outcome for verdict in suite.verdicts], suite.unread) == (["passed", "passed"], [])
    assert not (tmp_path / "mark").exists()
    with pytest.raises(Flawed, match="there is no step Then the owl is awake"):
        _played(top)


# --- files --------------------------------------------------------------------------------------------------


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10 << 30)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (os.mkfifo, "x.feature is not a plain file"),
        (_socket, "x.feature is not a plain file"),
        (_sparse, "the file cannot be read: it is larger than 256 KiB"),
        (lambda path: path.symlink_to("/dev/zero"), "x.feature leads out of its folder"),
        (lambda path: path.symlink_to("/etc/shadow"), "x.feature leads out of its folder"),
        (lambda path: path.symlink_to("../../outside.feature"), "x.feature leads out of its folder"),
        (lambda path: path.symlink_to("."), "x.feature is not a plain file"),
        (lambda path: path.symlink_to("nowhere"), "x.feature cannot be read: No such file"),
        (lambda path: path.write_bytes(b"Feature: \xff"), "this is not UTF-8 text"),
    ],
)
def test_a_feature_is_a_plain_file_in_its_folder(tmp_path: Path, made: Callable[[Path], None], said: str) -> None:
    """Nothing else is waited for, followed or quoted."""
    folder = tmp_path / "features"
    folder.mkdir()
    (tmp_path.parent / "outside.feature").write_text("hush-hush", encoding="utf-8")
    made(folder / "x.feature")
    with pytest.raises(UsageError) as refused:
        _played(folder)
    assert said in refused.value.message
    assert "hush" not in f"{refused.value.message}{refused.value.hint}"


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    """One leads everywhere, one in a circle; a link to a feature in the folder is one, and a folder has any name."""
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "everything").symlink_to("/")
    (tmp_path / "f" / "circle").symlink_to(".")
    (tmp_path / "f" / "d.feature").mkdir()
    (tmp_path / "f" / "d.feature" / "a[1]::b.feature").write_text(FEATURE, encoding="utf-8")
    assert len(_played(tmp_path / "f").verdicts) == 1


def test_phrases_stand_in_the_folder_too(tmp_path: Path) -> None:
    """What a link leads to is not looked at."""
    folder = tmp_path / "features"
    folder.mkdir()
    (folder / "a.feature").write_text(FEATURE, encoding="utf-8")
    (tmp_path / "settings").write_text("password: hush-hush\n", encoding="utf-8")
    (folder / "phrases.yaml").symlink_to("../settings")
    with pytest.raises(Flawed, match=r"phrases\.yaml leads out of its folder") as refused:
        _played(folder)
    assert "hush" not in refused.value.message
    (folder / "phrases.yaml").unlink()
    os.mkfifo(folder / "phrases.yaml")
    with pytest.raises(Flawed, match="it is not a plain file"):
        _played(folder)


@pytest.mark.parametrize("name", ["../other.yaml", "/etc/passwd", "/dev/zero", "link.yaml"])
def test_a_flow_that_a_scenario_names_stands_beside_the_one_under_test(tmp_path: Path, name: str) -> None:
    """Or is shipped; of others nothing is said."""
    folder = tmp_path / "own"
    folder.mkdir()
    (tmp_path / "other.yaml").write_text(FLOW, encoding="utf-8")
    (folder / "link.yaml").symlink_to("../other.yaml")
    text = FEATURE.replace("    When", f"    Given the flow {folder / name}\n    When")
    (folder / "a.feature").write_text(text, encoding="utf-8")
    (verdict,) = _played(folder / "a.feature").verdicts
    assert verdict.failure is not None
    assert "outside of the flow's folder" in verdict.failure.message or "not a plain file" in verdict.failure.message


# --- time ---------------------------------------------------------------------------------------------------


def _doubling(levels: int, inner: str = "p{next}{x}\np{next}{x}") -> str:
    lines = [f"'p{n} {{x}}': |\n" + "".join(f"  {line}\n" for line in inner.format(next=n + 1, x=" {x}").split("\n"))
             for n in range(levels)]  # fmt: skip
    return "".join(lines) + f"'p{levels} {{x}}': the flow is run\n"


@pytest.mark.parametrize(
    ("phrases", "step", "said"),
    [
        (_doubling(40), "p0 a", "stands for more than 1000 steps"),
        (_doubling(40, "p{next}{x}{x}"), "p0 abc", "or for one of more than 1000 characters"),
        (f"'{'{a}-{b}-{c}-{d}-{e}-{f}-{g}-'}!': the flow is run\n", "-" * 900, "there is no step"),
        ("".join(f"'p{n} {{x}}': 'p{(n + 1) % 60} {{x}}'\n" for n in range(60)), "p0 a", "contains itself"),
        (
            "".join(f"'p{n}': |\n{''.join(f'  p{m}{chr(10)}' for m in range(25))}" for n in range(25)),
            "p0",
            "contains itself",
        ),
        ("".join(f"'p{n}': the flow is run\n" for n in range(600)), "p0", "more than 1000 lines together"),
        (f"'{'a' * 501}': the flow is run\n", "a", "more than 500 characters"),
    ],
    ids=["steps", "text", "places", "circle", "circles", "many", "long"],
)
def test_phrases_do_not_double(tmp_path: Path, phrases: str, step: str, said: str) -> None:
    """Neither their steps nor their texts, nor the time that it takes to match or to look through them."""
    (tmp_path / "phrases.yaml").write_text(phrases, encoding="utf-8")
    (tmp_path / "a.feature").write_text(FEATURE.replace("the flow is run", step), encoding="utf-8")
    with pytest.raises(Flawed) as refused:
        _played(tmp_path)
    assert said in refused.value.message


def test_places_of_an_outline_are_filled_in_linear_time(tmp_path: Path) -> None:
    """Also where it is made out which words of a step stand in the file."""
    (tmp_path / "phrases.yaml").write_text("'{x}Q': the run is completed\n", encoding="utf-8")
    outline = FEATURE.replace("Scenario:", "Scenario Outline:").replace("the run is completed", "<a>z" * 40 + "Q")
    (tmp_path / "a.feature").write_text(
        f"{outline}    Examples:\n      | a |\n      | {'z' * 20} |\n", encoding="utf-8"
    )
    assert [verdict.outcome for verdict in _played(tmp_path).verdicts] == ["passed"]


def test_only_the_first_unknown_steps_have_a_hint(tmp_path: Path) -> None:
    """Looking for the nearest step takes long."""
    steps = "".join(f"    Given there are no imputs {number}\n" for number in range(300))
    (tmp_path / "a.feature").write_text(FEATURE.replace("    When", f"{steps}    When"), encoding="utf-8")
    with pytest.raises(Flawed) as refused:
        _played(tmp_path)
    assert (len(refused.value.flaws), sum(bool(flaw.hint) for flaw in refused.value.flaws)) == (300, 20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FEATURE.replace("completed", "x" * 3_000), "the line has more than 2000 characters"),
        (FEATURE.replace("completed", "x" * 1_500), "the step has more than 1000 characters"),
        (FEATURE + f'    And look gives\n      """\n      {"<" * 1_500}\n      """\n', "more than 50 `<`"),
        (
            FEATURE.replace("Scenario:", "Scenario Outline:").replace("completed", "<end>")
            + "    Examples:\n      | end |\n"
            + "      | a |\n" * 15_000,
            "15000 examples are too many",
        ),
        (FEATURE + "# " * 150_000, "the file cannot be read: it is larger than 256 KiB"),
    ],
)
def test_a_feature_is_of_bounded_size(tmp_path: Path, text: str, said: str) -> None:
    """Also in what examples make of it."""
    (tmp_path / "a.feature").write_text(text, encoding="utf-8")
    with pytest.raises(Flawed) as refused:
        _played(tmp_path)
    assert said in refused.value.message
