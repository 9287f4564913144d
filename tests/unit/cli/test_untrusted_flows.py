"""Looking at a stranger's flow: which files are opened, and what is told of them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from cli_command import Command, Said
from waiting_runs import names

from retake_flow.flow.text.bundle import Sources, parse
from retake_flow.ports.runs import Runs
from retake_flow.wiring.storing import this_process

SECRET = "hush-hush-hush"
SUB = "flow: x\ninitial: a\nstates:\n  a: {flow: '%s', transitions: {ok: z}}\n  z: {final: completed}\n"
OVER = "flow: x\nextends: '%s'\n"
RULES = "flow: x\nrules: ['%s']\ninitial: z\nstates: {z: {final: completed}}\n"
ASKING = """
flow: base
inputs: {%s}
initial: q
states:
  q:
    ask: {message: "Well?", answer: {word: {type: string}}, timeout: 1h}
    transitions: {answered: z, timeout: z}
  z: {final: completed}
"""
GOOD = "flow: base\ninputs: {n: {type: integer, default: 1}}\ninitial: z\nstates: {z: {final: ok}}\n"
#: Every way to look at a flow.
LOOKS = [
    look.split()
    for look in (
        *("check", "plan", "plan --all-paths", "graph", "graph --rules", "show-flow", "simulate", "paths", "test"),
        *("check --format sarif", "check --format github", "check --json"),
    )
]


@pytest.fixture
def strange(folder: Path) -> Path:
    """A stranger's folder, with files that are no flows."""
    (folder / "features").mkdir()
    feature = "Feature: f\n  Scenario: s\n    When the flow is run\n    Then the run is completed\n"
    (folder / "features" / "f.feature").write_text(feature, encoding="utf-8")
    (folder / "empty.jsonl").touch()
    (folder.parent / "shadow").write_text(f"root:{SECRET}:1:0\n", encoding="utf-8")
    (folder / "link").symlink_to(folder.parent / "shadow")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "kernel").symlink_to("/proc/kmsg")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    with (folder / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    texts = {
        "text": f"root:{SECRET}:1:0\nnobody:{SECRET}:2:0\n",
        "settings": f"{SECRET}: me\nuser: {SECRET}\npassword: [{SECRET}]\n",
        "broken": f"user: &{SECRET} x\nother: *{SECRET}-2\n",
        "escaped": f'user: "\\q{SECRET}"\n',
        "twice": f"{SECRET}: 1\n{SECRET}: 2\n",
        "tagged": f"- !{SECRET} 1\n",
        "json": f'{{"access_token": "{SECRET}"}}',
        "code": f"password = '{SECRET}'\nif x:\n\tfoo: @{SECRET}\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def looked(command: Command, look: list[str], flow: str = "flow.yaml", *options: str) -> Said:
    """What a way to look at a flow says of it."""
    first, *others = look
    more = ["empty.jsonl"] if first == "simulate" else []
    return command(first, flow, *more, *others, *options)


FOREIGN = (
    *("../shadow", "../../../../../../../../../etc/shadow", "/etc/passwd", "/proc/self/environ", "/dev/zero"),
    *("link", "zero", "kernel", "pipe", "folder", "socket", "sparse", "nowhere", ""),
    *("text", "settings", "broken", "escaped", "twice", "tagged", "json", "code"),
)


@pytest.mark.parametrize("text", [SUB, OVER, RULES])
@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_of_a_file_that_is_no_flow_is_shown(command: Command, strange: Path, name: str, text: str) -> None:
    """Nor waited for: one message says what is wrong with it, and the flow is invalid."""
    (strange / "flow.yaml").write_text(text % name, encoding="utf-8")
    said = command("check", "flow.yaml")
    assert (said.code, "flow.yaml: 1 mistake" in said.out) == (3, True), said
    assert SECRET not in said.out + said.err
    assert "root:" not in said.out


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
@pytest.mark.parametrize("name", ["../shadow", "pipe", "settings"])  # `check` meets all of them above
def test_no_way_to_look_at_a_flow_shows_more(command: Command, strange: Path, look: list[str], name: str) -> None:
    """Whatever is drawn, planned, tested or simulated."""
    for text in (SUB, OVER, RULES):
        (strange / "flow.yaml").write_text(text % name, encoding="utf-8")
        said = looked(command, look)
        assert SECRET not in said.out + said.err
        # It shows what a flow is written in, and opens nothing else.
        assert said.code == (0 if look == ["show-flow"] and text != OVER else 3), said


@pytest.mark.parametrize("name", [name for name in FOREIGN if name not in ("", "nowhere", "../shadow")])
def test_nor_of_one_that_a_person_names(command: Command, strange: Path, name: str) -> None:
    """As `check *` names them all."""
    for look in (["check"], ["plan"], ["show-flow"], ["init", "owl", "--extends"]):
        said = command(*look, name)
        assert said.code in (2, 3)
        assert SECRET not in said.out + said.err


@pytest.mark.parametrize("name", ["/etc/passwd", "link", "zero", "/proc/kmsg", "../shadow"])
def test_nor_of_one_that_is_allowed(command: Command, strange: Path, name: str) -> None:
    """Only what is a flow may be spoken of."""
    for text in (SUB, OVER, RULES):
        (strange / "flow.yaml").write_text(text % name, encoding="utf-8")
        said = command("check", "flow.yaml", "--allow-outside", "/")
        assert said.code == 3
        assert SECRET not in said.out + said.err
        assert "root:" not in said.out + said.err
        assert "outside" not in said.out


@pytest.mark.parametrize("option", ["--mock", "--phrases", "--rehearsal-options", "script"])
@pytest.mark.parametrize("name", ["pipe", "zero", "socket", "folder", "sparse"])
def test_what_the_command_line_names_is_a_plain_file_too(
    command: Command, strange: Path, option: str, name: str
) -> None:
    """A mistake there is no reason to hang."""
    (strange / "flow.yaml").write_text(GOOD, encoding="utf-8")
    arguments = {
        "--mock": ["simulate", "flow.yaml", "empty.jsonl", "--mock", name],
        "--phrases": ["test", "flow.yaml", "--phrases", name],
        "--rehearsal-options": ["run", "flow.yaml", "--rehearse", "--rehearsal-options", name],
        "script": ["simulate", "flow.yaml", name],
    }
    said = command(*arguments[option])
    assert (said.code, "cannot be read: it is" in said.err) == (2, True)


def test_a_folder_of_features_that_leads_elsewhere_is_named_or_not_played(command: Command, strange: Path) -> None:
    """A link to everything would be looked through."""
    (strange / "flow.yaml").write_text(GOOD.replace("ok", "completed"), encoding="utf-8")
    (strange / "features").rename(strange.parent / "elsewhere")
    (strange / "features").symlink_to("../elsewhere")
    said = command("test", "flow.yaml")
    assert (said.code, "features leads out of the flow's folder" in said.err) == (2, True)
    assert command("test", "flow.yaml", "features").code == 0


# --- what the command line allows ---------------------------------------------------------------------------


@pytest.fixture
def sibling(folder: Path) -> str:
    """A flow that extends one in the folder beside its own; gives that folder."""
    (folder.parent / "common").mkdir()
    (folder.parent / "common" / "base.yaml").write_text(GOOD, encoding="utf-8")
    (folder / "flow.yaml").write_text("flow: over\nextends: ../common/base.yaml\ninputs: {n: 2}\n", encoding="utf-8")
    (folder / "features").mkdir()
    feature = "Feature: f\n  Scenario: s\n    When the flow is run\n    Then the run is ok\n"
    (folder / "features" / "f.feature").write_text(feature, encoding="utf-8")
    (folder / "empty.jsonl").touch()
    return str(folder.parent / "common")


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
def test_a_folder_beside_is_told_with_the_option_that_allows_it(
    command: Command, sibling: str, look: list[str]
) -> None:
    """And with the option it is as before; a verdict with it is none without it."""
    refused = looked(command, look)
    assert (refused.code, f"--allow-outside {sibling}" in refused.out + refused.err) == (3, True)
    assert looked(command, look, "flow.yaml", "--allow-outside", sibling).code == 0
    assert looked(command, look).code == 3
    assert looked(command, look, "flow.yaml", "--allow-outside", "..", "--allow-outside", "/nowhere").code == 0


def test_a_run_remembers_what_it_may_name(command: Command, sibling: str, store: Runs, folder: Path) -> None:
    """So that it goes on, and takes its file as it is now, without being told again."""
    asking = ASKING % "n: {type: integer, default: 1}"
    base = Path(sibling, "base.yaml")
    base.write_text(asking, encoding="utf-8")
    assert command("run", "flow.yaml", "--json").code == 3
    begun = command("run", "flow.yaml", "--json", "--allow-outside", "../common")
    assert begun.code == 4, begun
    run = begun.records[0]["run"]
    assert parse(store.load(run).flow_text).allowed == (sibling,)
    base.write_text(asking.replace("z: {final: completed}", "z: {final: completed, reason: newer}"), encoding="utf-8")
    said = command("resume", run, "--upgrade", "--answer", "word=yes", "--json")
    assert (said.code, names(said)[-1]) == (0, "run_ended")
    assert store.load(run).run.reason == "newer"


def test_a_run_that_goes_on_may_be_allowed_more(command: Command, store: Runs, folder: Path) -> None:
    """One that was begun by an older program was never asked."""
    key = folder.parent / "key"
    (folder / "flow.yaml").write_text(ASKING % "key: {type: string, file: ../key}", encoding="utf-8")
    key.write_text("hush", encoding="utf-8")
    refused = command("run", "flow.yaml")
    assert (refused.code, f"--allow-outside {key}" in refused.err) == (2, True)
    run = command("run", "flow.yaml", "--json", "--allow-outside", str(key)).records[0]["run"]
    older = parse(store.load(run).flow_text)
    claim = store.claim(run, this_process())
    text = Sources(older.file, older.texts, older.references).dump()
    claim.upgrade(store.load(run).run, [], text)
    claim.release()
    refused = command("resume", run, "--answer", "word=yes")
    assert (refused.code, f"--allow-outside {key}" in refused.err) == (2, True)
    assert command("resume", "--all", "--allow-outside", str(key)).code == 2
    assert command("resume", run, "--allow-outside", str(key), "--json").code == 0


def test_what_a_run_may_name_is_kept_with_an_upgrade(command: Command, store: Runs, folder: Path) -> None:
    """Also when the flow's file is the one that it began with."""
    key = folder.parent / "key"
    (folder / "flow.yaml").write_text(ASKING % "key: {type: string, file: ../key}", encoding="utf-8")
    key.write_text("hush", encoding="utf-8")
    run = command("run", "flow.yaml", "--json", "--allow-outside", str(key)).records[0]["run"]
    assert command("resume", run, "--upgrade", "--allow-outside", "..").code == 4
    assert parse(store.load(run).flow_text).allowed == (str(key), str(folder.parent))
    assert command("resume", run, "--answer", "word=yes").code == 0


# --- inputs from elsewhere ----------------------------------------------------------------------------------


INPUTS = """
flow: x
inputs:
  word: {type: string, env: STRANGE_WORD, secret: false}
  many: {type: integer, env: STRANGE_WORD}
  line: {type: string, file: pipe, secret: false, default: none}
  key:  {type: string, file: %s}
initial: a
states:
  a:
    do: operator.tell
    with: {message: "{{ inputs.word }} {{ inputs.line }} {{ inputs.many }}"}
    transitions: {done: z}
  z: {final: completed}
"""


@pytest.mark.parametrize("look", LOOKS, ids=" ".join)
def test_no_input_is_read_to_look_at_a_flow(
    command: Command, strange: Path, look: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither variables nor files, which are not even opened."""
    monkeypatch.setenv("STRANGE_WORD", SECRET)
    (strange / "flow.yaml").write_text(INPUTS % "../shadow", encoding="utf-8")
    said = looked(command, look)
    assert said.code == 0, said
    assert SECRET not in said.out + said.err


def test_a_plan_says_that_inputs_come_from_elsewhere(command: Command, strange: Path) -> None:
    """By the names of the variables and files, and not what is in them."""
    (strange / "flow.yaml").write_text(INPUTS % "../shadow", encoding="utf-8")
    plan = command("plan", "flow.yaml")
    assert "word from the variable STRANGE_WORD" in plan.out
    assert "line from the file pipe" in plan.out
    assert "key from the file ../shadow" in plan.out
    assert "‹word› none" in plan.out
    assert "word from" not in command("plan", "flow.yaml", "--set", "word=hello").out
    assert command("plan", "flow.yaml", "--json").records[0]["outside"]["key"] == "the file ../shadow"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("../shadow", "outside of the flow's folder"),
        ("link", "outside of the flow's folder"),
        ("/etc/shadow", "--allow-outside /etc/shadow"),
        ("zero", "--allow-outside /dev/zero"),
        ("pipe", "it is not a plain file"),
        ("socket", "it is not a plain file"),
        ("folder", "it is a folder"),
        ("sparse", "it is larger than 64 KiB"),
    ],
)
def test_a_run_reads_its_inputs_with_the_same_care(
    command: Command, strange: Path, file: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is told before anything begins, and no value with it."""
    monkeypatch.setenv("STRANGE_WORD", SECRET)
    (strange / "flow.yaml").write_text(INPUTS.replace("file: pipe, ", "") % file, encoding="utf-8")
    refused = command("run", "flow.yaml")
    assert (refused.code, said in refused.err) == (2, True), refused
    assert "'many', from the variable STRANGE_WORD, does not fit the type integer" in refused.err
    assert SECRET not in refused.err + refused.out
