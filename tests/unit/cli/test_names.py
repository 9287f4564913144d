"""Names of files that command terminals: what is printed of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_command import Command, Said

from retake_flow.sanitize import strip_controls

GOOD = "flow: x\ninitial: z\nstates: {z: {final: completed}}\n"
BAD = "flow: x\ninitial: y\nstates: {z: {final: completed}}\n"
NAMING = (
    "flow: x\nextends: %s\n",
    "flow: x\ninitial: a\nstates: {a: {flow: %s, transitions: {completed: a}}}\n",
    "flow: x\nrules: [%s]\ninitial: z\nstates: {z: {final: completed}}\n",
)
FEATURE = "Feature: Hello\n  Scenario: It ends\n    When the flow is run\n    Then the run is completed\n"
LOOKS = (
    *("check", "check --format github", "show-flow", "plan", "plan --all-paths", "graph", "graph --format dot"),
    *("paths", "paths --gherkin", "run"),
)
#: The title of a window, the direction of writing, C1 and device controls, separators, a bell, backspaces; colours,
#: with a bracket that pytest refuses; lines of ours.
NAMES = (
    "\x1b]0;owned\x07a\u202egpj\x9b2Jx\x1bPq\x1b\\x\u2028y\u2066z\u061c\x7f\x08\x08x",
    "\x1b[31mred",
    "x\ngo-live.yaml: no mistakes\nx",
    "x\rgo-live.yaml: no mistakes",
)


def tame(said: Said) -> str:
    """What was printed, which commands nothing."""
    text = said.out + said.err
    assert all(sign == "\n" or sign.isprintable() or sign in "\t" for sign in text), ascii(text)
    assert "\ngo-live.yaml: no mistakes" not in "\n" + text
    return text


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_names_of_flows_are_tame(command: Command, folder: Path, name: str) -> None:
    """Good ones and bad ones, ones that are not there, folders, what they name, and what is written."""
    good, bad = f"{name}good.yaml", f"{name}bad.yaml"
    (folder / good).write_text(GOOD, encoding="utf-8")
    (folder / bad).write_text(BAD, encoding="utf-8")
    (folder / f"{name}broken.yaml").write_text("flow: [", encoding="utf-8")
    (folder / f"{name}.yaml").mkdir()
    os.mkfifo(folder / f"{name}pipe.yaml")
    for text in NAMING:
        for number, named in enumerate((good, bad, f"{name}.yaml", f"{name}pipe.yaml", f"../{name}", name)):
            file = folder / f"{name}{number}.yaml"
            file.write_text(text % json.dumps(named), encoding="utf-8")
            for look in ("check", "show-flow", "plan"):
                tame(command(look, file.name))
    for file in (good, bad, f"{name}broken.yaml", f"{name}.yaml", f"{name}pipe.yaml", name):
        tame(command("check", file))
        tame(command("check", file, "--format", "github"))
        tame(command("show-flow", file))
        tame(command("simulate", good, file))
        tame(command("simulate", good, "--mock", file))
        tame(command("run", good, "--rehearse", "--rehearsal-options", file))
        tame(command("graph", file, "--output", f"{name}/nowhere/x"))
        tame(command("init", "owl", "--extends", file, "--output", f"{name}/nowhere/owl.yaml"))
    tame(command("plan", good, "--all-paths"))
    tame(command("paths", bad))
    tame(command("run", good))
    tame(command("runs"))
    tame(command("show", "last"))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_names_of_features_are_tame(command: Command, folder: Path, name: str) -> None:
    """Of files and folders, and of what stands in them."""
    inside = folder / name
    inside.mkdir()
    (inside / "x.yaml").write_text(GOOD, encoding="utf-8")
    title = FEATURE.replace("Hello", "".join(name.split("\n"))).replace("ends", "".join(name.split("\n")))
    (inside / f"{name}.feature").write_text(title, encoding="utf-8")
    (inside / "conftest.py").touch()
    said = command("test", f"{name}/x.yaml", name)
    # pytest takes nothing whose name has a bracket in it.
    assert ("1 passed" if "[" not in name else "cannot contain []") in tame(said)
    (inside / f"{name}bad.feature").write_text(FEATURE.replace("is run", f"is {name}"), encoding="utf-8")
    tame(command("test", f"{name}/x.yaml", name))
    (inside / f"{name}bad.feature").unlink()
    (inside / f"{name}bad.feature").symlink_to("/etc/shadow")
    tame(command("test", f"{name}/x.yaml", name))
    tame(command("test", f"{name}/x.yaml", f"{name}/nowhere"))
    tame(command("test", f"{name}/x.yaml", f"{name}/x.yaml"))
    (inside / "phrases.yaml").write_text("- no mapping\n", encoding="utf-8")
    tame(command("test", f"{name}/x.yaml", f"{name}/{name}.feature"))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("command_name", ["check", "run", "test", "nothing"])
def test_what_looks_like_an_option_is_tame_too(command: Command, name: str, command_name: str) -> None:
    """A shell writes the names of files where `*` stands."""
    said = command(command_name, f"--{name}", f"x{name}", f"-{name}")
    assert said.code == 2
    tame(said)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_what_stands_in_a_flow_is_tame(command: Command, folder: Path, name: str) -> None:
    """Its texts, the texts of its rules and mistakes in them."""
    word = json.dumps(name)
    flow = f"flow: x\ndescription: {word}\ninputs: {{n: {{type: string, default: {word}, description: {word}}}}}\n"
    good = f"{flow}initial: z\nstates: {{z: {{final: completed, reason: {word}, description: {word}}}}}\n"
    (folder / "good.yaml").write_text(good, encoding="utf-8")
    states = f"{{{word}: {{final: {word}}}, a: {{do: {word}, {word}: 2}}}}"
    bad = f"flow: {word}\ninitial: {word}\n{word}: 1\nstates: {states}\n"
    (folder / "bad.yaml").write_text(bad, encoding="utf-8")
    (folder / "over.yaml").write_text(f"extends: good.yaml\nstates: {{{word}: {{wait: {word}}}}}\n", encoding="utf-8")
    (folder / "rules.yaml").write_text(f"rules: {word}\nevery_path: {{{word}: {{before: {word}}}}}\n", encoding="utf-8")
    (folder / "ruled.yaml").write_text(good.replace("initial", "rules: [rules.yaml]\ninitial"), encoding="utf-8")
    (folder / "empty.jsonl").touch()
    for file in ("good.yaml", "bad.yaml", "over.yaml", "ruled.yaml"):
        for look in LOOKS:
            first, *options = look.split()
            tame(command(first, file, *options))
    tame(command("init", "owl", "--extends", "good.yaml"))
    assert all(line == strip_controls(line) for line in (folder / "owl.yaml").read_text(encoding="utf-8").split("\n"))


def test_json_is_as_it_is(command: Command, folder: Path) -> None:
    """A program reads the very name; so it does in SARIF, as a reference."""
    (folder / "\x1b]0;a b\x07.yaml").write_text(BAD, encoding="utf-8")
    [said] = command("check", "\x1b]0;a b\x07.yaml", "--json").records
    assert said["flow"] == said["problems"][0]["file"] == "\x1b]0;a b\x07.yaml"
    [log] = command("check", "\x1b]0;a b\x07.yaml", "--format", "sarif").records
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "%1B%5D0%3Ba%20b%07.yaml"


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_a_name_that_is_no_utf8_is_told_all_the_same(tmp_path: Path, form: str) -> None:
    """As bytes that are no text can be."""
    name = os.fsencode(tmp_path) + b"/\xff\x1b]0;x\x07.yaml"
    Path(os.fsdecode(name)).write_text(BAD, encoding="utf-8")
    program = [sys.executable, "-m", "retake_flow", "check", "--format", form, name]
    done = subprocess.run(program, cwd=tmp_path, env={**os.environ, "RETAKE_FLOW_CACHE": str(tmp_path / "c")},
                          capture_output=True, timeout=180)  # fmt: skip
    assert done.returncode == 3, done
    assert b"RF020" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr
