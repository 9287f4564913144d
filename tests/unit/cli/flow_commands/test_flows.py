"""`retake-flow show-flow`: what a flow is, and where each line of it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.flow.text.locate import shipped_flows
from retake_flow.flow.text.yaml_source import parse

OVERLAY = """\
flow: owl
extends: go-live.yaml
states:
  broadcast/pushing/on_air:
    timeout: 2h
"""


def put(folder: Path, text: str = OVERLAY, name: str = "owl.yaml") -> None:
    """A flow in the folder where we stand."""
    (folder / name).write_text(text, encoding="utf-8")


def test_every_line_says_where_it_is_from(command: Command, folder: Path) -> None:
    """The file by its name, aligned; a line of the base that an overlay has touched is still of the base."""
    put(folder)
    said = command("show-flow", "owl.yaml")
    assert said.code == 0
    lines = dict(line.rsplit("  # ", 1) for line in said.out.splitlines() if "  # " in line)
    stripped = {text.strip(): origin for text, origin in lines.items()}
    assert stripped["flow: owl"] == "owl.yaml:1"
    assert stripped["timeout: 2h"] == "owl.yaml:5"
    assert stripped["on_air:"].startswith("go-live.yaml:")
    assert stripped["initial: check_guide"].startswith("go-live.yaml:")
    assert len({line.index("  # go-live") for line in said.out.splitlines()[:2] if "go-live" in line} | {1}) <= 2


@pytest.mark.parametrize("name", ["owl.yaml", "go-live.yaml", "verify"])
def test_what_is_printed_reads_as_the_flow(command: Command, folder: Path, name: str) -> None:
    """As YAML and as JSON, each the resolved data."""
    put(folder)
    data = parse(command("show-flow", name).out, "x").data
    shown = json.loads(command("show-flow", name, "--json").out)
    assert shown["flow"] == data
    assert "extends" not in data
    if name == "owl.yaml":
        assert data["states"]["broadcast"]["states"]["pushing"]["states"]["on_air"]["timeout"] == "2h"
    else:
        assert (
            data == parse(shipped_flows()[name.removesuffix(".yaml") + ".yaml"].read_text(encoding="utf-8"), "x").data
        )


def test_programs_get_each_origin(command: Command, folder: Path) -> None:
    """By the path of what is written, with file, line and column."""
    put(folder)
    origins = json.loads(command("show-flow", "owl.yaml", "--json").out)["origins"]
    on_air = "states/broadcast/states/pushing/states/on_air"
    assert origins[f"{on_air}/timeout"] == "owl.yaml:5:5"
    assert origins[on_air].startswith(str(shipped_flows()["go-live.yaml"]))
    assert f"{on_air}/activities/chat/every" in origins


def test_two_files_of_one_name_are_told_apart(command: Command, folder: Path) -> None:
    """By their folders."""
    (folder / "inner").mkdir()
    put(folder / "inner")
    put(folder, "extends: inner/owl.yaml\nversion: 2\nguide: '3'\n")
    out = command("show-flow", "owl.yaml").out
    assert "# owl.yaml:2" in out
    assert "# inner/owl.yaml:1" in out


def test_what_cannot_be_resolved_is_invalid(command: Command, folder: Path) -> None:
    """With every mistake, exit code 3, and nothing printed."""
    put(folder, "extends: go-live.yaml\nstates: {nowhere: null}\n")
    said = command("show-flow", "owl.yaml")
    assert (said.code, said.out) == (3, "")
    assert "owl.yaml:2:10: RF023" in said.err
    put(folder, "- a list")
    assert command("show-flow", "owl.yaml").code == 3
    (folder / "owl.yaml").write_bytes(b"\xff")
    assert command("show-flow", "owl.yaml").code == 3
    assert command("show-flow", "nothing.yaml").code == 2


def test_addresses_and_secrets_are_not_shown(command: Command, folder: Path) -> None:
    """Also when they stand where they should not."""
    put(folder, 'extends: go-live.yaml\nnotify: ["json://user:hush-hush@host/"]\n')
    assert "hush-hush" not in command("show-flow", "owl.yaml").out
    assert "hush-hush" not in command("show-flow", "owl.yaml", "--json").out
