"""Python functions as actions: beside a flow and from an installed package, described without being imported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_processes import Home, at_home

pytestmark = pytest.mark.real

SAMPLE = Path(__file__).parents[2] / "examples" / "house-actions"
FLOW = """\
flow: lottery
initial: draw
{head}states:
  draw:
    do: house.draw
    with: {{names: [mira], seed: 3}}
    transitions:
      drawn: {{to: over, set: {{who: "{{{{ result.winner }}}}"}}}}
      nobody: over
      error: bad
  over: {{final: completed, reason: "{{{{ vars.who|default('') }}}}"}}
  bad: {{final: failed, reason: "{{{{ event.message }}}}"}}
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the sample package is installed."""
    folder = tmp_path_factory.mktemp("packages")
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([*pip, "--target", str(folder), str(SAMPLE)], check=True, capture_output=True)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a token in its environment."""
    with at_home(tmp_path / "home", RETAKE_ACCESS_TOKEN="rtk_plugins_0123456789") as made:
        yield made


def write(home: Home, name: str, text: str) -> str:
    """Write a file; gives its path."""
    (home.folder / name).write_text(text, encoding="utf-8")
    return str(home.folder / name)


def test_an_installed_package_offers_actions(home: Home, packages: Path) -> None:
    """The sample is found by its entry point; without it, there is no such action."""
    flow = write(home, "lottery.yaml", FLOW.format(head=""))
    assert "there is no action 'house.draw'" in home.call("check", flow).out
    assert home.call("check", flow, PYTHONPATH=str(packages)).code == 0
    done = home.call("run", flow, "--json", PYTHONPATH=str(packages))
    assert done.code == 0, done
    assert done.records[-1]["reason"] == "mira"


def test_an_installed_function_that_changes_is_checked_again(home: Home, packages: Path, tmp_path: Path) -> None:
    """Its file was edited in place, and neither its package nor the flow says so."""
    own = shutil.copytree(packages, tmp_path / "own")
    flow = write(home, "lottery.yaml", FLOW.format(head=""))
    for _ in range(2):
        assert home.call("check", flow, PYTHONPATH=str(own)).code == 0
    source = own / "house_actions.py"
    source.write_text(source.read_text().replace("names: list", "people: list"))
    found = home.call("check", flow, PYTHONPATH=str(own))
    assert (found.code, "RF04" in found.out) == (3, True), found


def test_a_package_whose_action_cannot_be_used_is_one_message(home: Home, tmp_path: Path) -> None:
    """The list says why, and so does the place in the flow; names of built-in groups are not taken."""
    info = tmp_path / "broken" / "broken-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    points = "house.draw = nowhere:draw\nchat.pick = json:dumps\n"
    (info / "entry_points.txt").write_text(f"[retake_flow.actions]\n{points}")
    where = {"PYTHONPATH": str(tmp_path / "broken")}
    listed = home.call("actions", **where)
    assert "house.draw" not in listed.out
    assert listed.err.count("cannot be used") == 2
    named = home.call("actions", "house.draw", **where)
    assert (named.code, "there is no module 'nowhere'" in named.err) == (2, True), named
    flow = write(home, "lottery.yaml", FLOW.format(head=""))
    found = home.call("check", flow, **where)
    assert "lottery.yaml:4:3: RF040 the action 'house.draw' cannot be used: there is no module 'nowhere'" in found.out


PICKING = (
    """\
from pathlib import Path
from retake_flow.plugins import action
from typing import Literal
import os
Path("sprung").touch()

@action()
async def draw(names: list, seed: int = 1) -> tuple[Literal["drawn", "nobody"], dict_of_it]:
    print("on standard output", flush=True)
    assert "RETAKE_ACCESS_TOKEN" not in os.environ
    if seed == 9:
        raise ValueError("nine is too much")
    return "drawn", {"winner": names[0]}
""".replace("dict_of_it", "Who")
    .replace("\n@action", "\nclass Who(TypedDict):\n    winner: str\n\n@action")
    .replace("import Literal", "import Literal, TypedDict")
)
HEAD = 'actions: {house.draw: {python: "picking:draw"}}\n'


def test_a_function_beside_the_flow(home: Home) -> None:
    """It is only read until it runs, in a process of its own, and an error that it raises comes with its line."""
    write(home, "picking.py", PICKING)
    flow = write(home, "lottery.yaml", FLOW.format(head=HEAD))
    for command in (["check"], ["plan"], ["graph"], ["show-flow"], ["simulate"]):
        done = home.call(*command, flow)
        assert done.code == 0, done
    assert not list(Path.cwd().glob("sprung")) + list(home.folder.rglob("sprung"))
    done = home.call("run", flow, "--json")
    assert done.code == 0, done
    assert done.records[-1]["reason"] == "mira"
    assert (home.folder / "sprung").exists()
    write(home, "lottery.yaml", FLOW.format(head=HEAD).replace("seed: 3", "seed: 9"))
    done = home.call("run", flow, "--json")
    assert done.code == 1, done
    assert "picking.py:15: ValueError: nine is too much" in done.records[-1]["reason"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "picking.py"),
        ("def draw(:\n", "picking.py:1: "),
        ("def other(): ...\n", "has no function 'draw'"),
        ("def draw(): ...\n", "is not marked as an action"),
        ("@action()\ndef draw(names: Odd): ...\n", "the type 'Odd' cannot be used here"),
        ("@action()\ndef draw(*names): ...\n", "the type 'names' cannot be used here"),
        ("@action()\ndef draw(names: list = some()): ...\n", "the type 'some()' cannot be used here"),
        ("(" * 5000, "picking.py"),
    ],
)
def test_a_function_that_cannot_be_used_is_a_mistake_in_the_flow(home: Home, source: str | None, said: str) -> None:
    """It has its place, and no traceback."""
    if source is not None:
        write(home, "picking.py", source)
    flow = write(home, "lottery.yaml", FLOW.format(head=HEAD))
    done = home.call("check", flow)
    assert done.code == 3
    assert "lottery.yaml:3:32: RF040" in done.out, done
    assert "1 mistake" in done.out
    assert said in done.out
