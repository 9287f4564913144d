"""The documents say what is true: their commands run, their flows are without mistakes, their tables are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli.main import parser
from retake_flow.flow.check.check import check
from retake_flow.flow.diagnostics import CODES
from retake_flow.flow.expressions.filters import FILTERS
from retake_flow.flow.load.load import load

_ROOT = Path(__file__).resolve().parents[2]
_DOCUMENTS = [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))]


def _blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for document in _DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S), 1):
            found.append((f"{document.name} {number}", block))
    return found


_COMMANDS = [(place, block) for place, block in _blocks("console") if not place.startswith("tutorial.md")]


@pytest.mark.real
@pytest.mark.parametrize(("place", "block"), _COMMANDS, ids=[place for place, _ in _COMMANDS])
def test_commands_run(place: str, block: str, tmp_path: Path) -> None:
    """Every command shown after a `$` exits with 0, in the order shown, in an empty folder with an empty home."""
    folder = tmp_path / "here"
    folder.mkdir()
    _run_commands(place, block, folder, tmp_path / "home")


@pytest.mark.real
def test_tutorial(tmp_path: Path) -> None:
    """The commands of the tutorial run in one folder, in which a reader has saved what it shows."""
    folder = tmp_path / "here"
    for language in ("yaml", "json", "gherkin"):
        for place, text in _blocks(language):
            if place.startswith("tutorial.md"):
                named = re.match(r"# (\S+)\n", text)
                file = folder / (named[1] if named else "trouble.json")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    for place, block in _blocks("console"):
        if place.startswith("tutorial.md"):
            _run_commands(place, block, folder, tmp_path / "home")


def _run_commands(place: str, block: str, folder: Path, home: Path) -> None:
    home.mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
    environment.update({"HOME": str(home), "PATH": path, "RETAKE_FLOW_STAGE": "off"})
    commands = [line[2:].replace(".venv/bin/", "") for line in block.splitlines() if line.startswith("$ ")]
    assert commands, f"{place} shows no command"
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def test_make_targets_exist() -> None:
    """Every `make TARGET` that a document names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for document in [*_DOCUMENTS, _ROOT / "benchmarks" / "README.md"]:
        assert set(re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(encoding="utf-8"), re.M)) <= targets


@pytest.mark.parametrize(
    ("place", "block"),
    [
        (place, block)
        for place, block in _blocks("yaml")
        if re.search(r"^flow:", block, re.M) and not place.startswith("problems.md")
    ],
    ids=lambda value: value if len(value) < 40 else "",
)
def test_flows_in_documents_are_good(place: str, block: str, tmp_path: Path) -> None:
    """Every whole flow in a document is without mistakes, but for the page that shows mistakes.

    The modules that documents show lie beside it, and the other flows of its own document.
    """
    own = [(other, text) for other, text in _blocks("yaml") if other.split()[0] == place.split()[0]]
    for _, text in [*_blocks("python"), *own]:
        if name := re.match(r"# ([\w-]+\.(?:py|yaml))\b", text):
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
    assert check(load(block, str(tmp_path / f"{place}.yaml")), CATALOGUE) == ()


def test_all_commands_are_named() -> None:
    """The help names every command, and the documents name no other."""
    usage = parser().format_help()
    commands = set(re.findall(r"^ {4}([a-z]+)\b", usage, re.M))
    for document in _DOCUMENTS:
        named = set(re.findall(r"`retake-flow ([a-z]+)", document.read_text(encoding="utf-8")))
        assert named <= commands, f"{document.name} names {named - commands}"


def test_codes_are_complete() -> None:
    """Every code of the program has a title, and no other; the page of problems is held to the titles elsewhere."""
    files = [path for path in (_ROOT / "retake_flow" / "flow").rglob("*.py") if path.name != "problems.py"]
    modules = "".join(path.read_text(encoding="utf-8") for path in files)
    assert set(re.findall(r'"(RF\d{3})"', modules)) == set(CODES)


def test_filters_are_complete() -> None:
    """The reference lists every filter."""
    table = " ".join((_ROOT / "docs" / "language.md").read_text(encoding="utf-8").split())
    assert ", ".join(sorted(FILTERS)) in table


def test_exit_codes_are_the_same_everywhere() -> None:
    """README and `--help` give the same exit codes."""
    readme = set(re.findall(r"^\| (\d+) \|", (_ROOT / "README.md").read_text(encoding="utf-8"), re.M))
    usage = parser().format_help().partition("exit codes:")[2]
    assert readme == set(re.findall(r"(?:^|\s)(\d+)  ", usage))
