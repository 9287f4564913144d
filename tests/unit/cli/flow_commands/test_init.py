"""`retake-flow init`: a flow of one's own to begin with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cli_command import Command
from jsonschema import Draft202012Validator

from retake_flow.flow.load.load import load_flow
from retake_flow.flow.text import locate
from retake_flow.flow.text.yaml_source import parse


def uncommented(text: str) -> str:
    """The file with all that it offers taken: the inputs, and the examples at its end."""
    lines = []
    for line in text.splitlines():
        found = re.match(r"^(?:  # (?P<input>[a-z_]+: .*)|# (?P<example>(?:notify|states|  ).*))$", line)
        taken = found and (f"  {found['input']}" if found["input"] else found["example"])
        lines.append(taken if taken and not taken.startswith("  retake-flow") else line)
    return "\n".join(lines) + "\n"


def test_what_it_writes_has_no_mistakes(command: Command, folder: Path) -> None:
    """As it is written, under its name, with the name in it."""
    said = command("init", "night-owl")
    assert said.code == 0
    assert "retake-flow check night-owl.yaml" in said.out
    assert command("check", "night-owl.yaml").code == 0
    flow = load_flow((folder / "night-owl.yaml").read_text(encoding="utf-8"), "night-owl.yaml")
    assert flow.name == "night-owl"
    assert flow.inputs["agent_name"].schema["value"] == "night-owl"
    assert "night-owl" in flow.inputs["opening_message"].schema["default"]


def test_an_editor_finds_the_schema_and_the_file_fits_it(command: Command, folder: Path) -> None:
    """The first line names a file that is there."""
    command("init", "owl")
    text = (folder / "owl.yaml").read_text(encoding="utf-8")
    schema = Path(text.split("\n", 1)[0].removeprefix("# yaml-language-server: $schema="))
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    for version in (text, uncommented(text)):
        assert list(validator.iter_errors(parse(version, "x").data)) == []


def test_all_that_it_offers_can_be_taken(command: Command, folder: Path) -> None:
    """With every # taken away before an input and an example, the flow has no mistakes, and does what it says.

    But for the wallet, which nobody but its owner can name.
    """
    command("init", "owl")
    file = folder / "owl.yaml"
    taken = uncommented(file.read_text(encoding="utf-8")).replace("YOUR_SOLANA_PUBLIC_KEY", "7" * 40)
    file.write_text(taken, encoding="utf-8")
    said = command("check", "owl.yaml")
    assert said.code == 0, said.out
    flow = load_flow(taken, "owl.yaml")
    assert flow.states["approve"].routes["allow"][0].to == "broadcast"
    assert flow.states["broadcast/pushing/on_air"].activities["thumbnail"].every == "5m"
    assert [address.reveal() for address in flow.notify] == ["json://127.0.0.1:8080/told"]
    assert set(flow.inputs) == set(parse(taken, "x").data["inputs"])


def test_a_file_that_is_there_stays(command: Command, folder: Path) -> None:
    """Until --force says otherwise; a folder in its place is told."""
    (folder / "owl.yaml").write_text("mine", encoding="utf-8")
    said = command("init", "owl")
    assert (said.code, "--force" in said.err) == (2, True)
    assert (folder / "owl.yaml").read_text(encoding="utf-8") == "mine"
    assert command("init", "owl", "--force").code == 0
    assert command("check", "owl.yaml").code == 0
    assert command("init", "owl", "--output", "nowhere/owl.yaml").code == 2


@pytest.mark.parametrize("name", ["Night Owl", "owl.yaml", "", "../owl", "-owl", "o" * 70, "owl\n", "go-live"])
def test_a_name_that_is_none_is_refused(command: Command, folder: Path, name: str) -> None:
    """Nothing is written; also not a flow that would hide a shipped one."""
    assert command("init", "--", name).code == 2
    assert list(folder.iterdir()) == []


def test_a_flow_of_ones_own_can_be_extended(command: Command, folder: Path) -> None:
    """It is found from the new file's folder, and what it fixes is not offered again."""
    command("init", "owl")
    (folder / "agents").mkdir()
    said = command("init", "barn-owl", "--extends", "owl.yaml", "--output", "agents/barn.yaml")
    assert (said.code, f"retake-flow check agents/barn.yaml --allow-outside {folder}\n" in said.out) == (0, True)
    text = (folder / "agents" / "barn.yaml").read_text(encoding="utf-8")
    assert "extends: ../owl.yaml" in text
    assert "agent_name" not in text
    said = command("check", "agents/barn.yaml")
    assert (said.code, f"--allow-outside {folder}" in said.out) == (3, True)
    assert command("check", "agents/barn.yaml", "--allow-outside", ".").code == 0


def test_another_shipped_flow_can_be_extended(command: Command, folder: Path) -> None:
    """Its inputs are offered with their defaults."""
    assert command("init", "proof", "--extends", "verify").code == 0
    assert command("check", "proof.yaml").code == 0
    assert "# within: 7d" in (folder / "proof.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", locate.shipped_flows())
def test_every_shipped_flow_can_be_begun_with(command: Command, folder: Path, name: str) -> None:
    """What comes of it has no mistakes, and the command that it names can be given."""
    assert command("init", "mine", "--extends", name).code == 0
    assert command("check", "mine.yaml").code == 0
    text = (folder / "mine.yaml").read_text(encoding="utf-8")
    flow = load_flow(text, "mine.yaml")
    assert ("--for 20s" in text) == ("max_duration" in flow.inputs)


def test_what_cannot_be_extended_is_told(command: Command, folder: Path) -> None:
    """A flow that is not there, one with mistakes, one without inputs."""
    assert command("init", "owl", "--extends", "nothing.yaml").code == 2
    (folder / "bad.yaml").write_text("flow: x", encoding="utf-8")
    assert command("init", "owl", "--extends", "bad.yaml").code == 3
    bare = "flow: x\ninitial: a\nstates: {a: {final: completed}}\n"
    (folder / "bare.yaml").write_text(bare, encoding="utf-8")
    said = command("init", "owl", "--extends", "bare.yaml")
    assert (said.code, "has no inputs" in said.err) == (2, True)
    assert not (folder / "owl.yaml").exists()


def test_the_documents_that_it_names_are_there(command: Command, folder: Path) -> None:
    """What it says of rules stands where it says."""
    command("init", "owl")
    named = re.findall(r"docs/\w+\.md", (folder / "owl.yaml").read_text(encoding="utf-8"))
    assert named == ["docs/rules.md"]
    assert (Path(__file__).parents[4] / named[0]).is_file()
