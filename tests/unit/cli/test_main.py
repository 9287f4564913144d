"""The commands that start nothing, and the one way out."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import json_output
import pytest
from cli_command import Command

from retake_flow.actions.registry import CATALOGUE
from retake_flow.cli import terminal
from retake_flow.cli.exit_codes import exit_code
from retake_flow.cli.flow_commands import actions as actions_command
from retake_flow.cli.main import COMMANDS, function_of
from retake_flow.errors import UsageError

BAD = "flow: bad\ninitial: a\nstates:\n  a: {wait: 1s, transitions: {done: b}}\n"
GOOD = "flow: good\ninitial: a\nstates:\n  a: {wait: 1s, transitions: {done: b}}\n  b: {final: ok}\n"


def test_check_tells_all_mistakes_with_their_places(command: Command, folder: Path) -> None:
    """An invalid flow ends with 3, and each mistake is a line that an editor can follow."""
    (folder / "bad.yaml").write_text(BAD, encoding="utf-8")
    said = command("check", "bad.yaml")
    assert said.code == 3
    assert said.out.splitlines()[0] == "bad.yaml:4:37: RF020 there is no state 'b'"
    assert said.out.splitlines()[-1] == "bad.yaml: 1 mistake"


def test_check_of_several_flows_goes_on_after_a_bad_one(command: Command, folder: Path) -> None:
    """All flows are checked, and one bad one makes the exit code."""
    (folder / "bad.yaml").write_text(BAD, encoding="utf-8")
    (folder / "good.yaml").write_text(GOOD, encoding="utf-8")
    said = command("check", "--json", "bad.yaml", "good.yaml", "go-live.yaml")
    assert said.code == 3
    assert [(one["flow"], one["valid"], len(one["problems"])) for one in said.records] == [
        ("bad.yaml", False, 1),
        ("good.yaml", True, 0),
        ("go-live.yaml", True, 0),
    ]
    [problem] = said.records[0]["problems"]
    assert (problem["line"], problem["column"], problem["code"]) == (4, 37, "RF020")


def test_a_flow_is_checked_anew_when_it_changes(command: Command, folder: Path) -> None:
    """That a text was good is remembered for that text alone."""
    file = folder / "flow.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert [command("check", "flow.yaml").code for _ in range(2)] == [0, 0]
    file.write_text(BAD, encoding="utf-8")
    assert command("check", "flow.yaml").code == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("check", "nowhere.yaml"), 2),
        (("check",), 2),
        (("fly",), 2),
        ((), 2),
        (("run", "go-live.yaml", "--set", "size"), 2),
        (("run", "go-live.yaml", "--set", "sise=1x1"), 2),
        (("run", "go-live.yaml", "--for", "3 parsecs"), 2),
        (("run", "good.yaml", "--for", "3s"), 2),
        (("run", "go-live.yaml", "--folder", "x"), 2),
        (("run", "bad.yaml"), 3),
        (("graph", "bad.yaml"), 3),
        (("graph", "good.yaml", "--format", "gif"), 2),
        (("graph", "good.yaml", "--output", "no/such/folder"), 2),
        (("actions", "retake.strem_key"), 2),
        (("rehearsal", "--port", "99999"), 2),
        (("--help",), 0),
        (("--version",), 0),
        (("actions",), 0),
        (("graph", "good.yaml"), 0),
    ],
)
def test_each_way_out_has_its_exit_code(command: Command, folder: Path, arguments: tuple[str, ...], code: int) -> None:
    """What was asked wrongly ends with 2, a flow that is invalid with 3, and what is right with 0."""
    (folder / "bad.yaml").write_text(BAD, encoding="utf-8")
    (folder / "good.yaml").write_text(GOOD, encoding="utf-8")
    said = command(*arguments)
    assert said.code == code
    assert bool(said.err) is (code != 0)
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "go-live.yaml", "--json", "verify.yaml"),
        ("check", "--json", "go-live.yaml", "verify.yaml"),
        ("actions", "studio", "--json", "chat"),
        ("graph", "--format", "mermaid", "go-live.yaml", "--folded"),
    ],
)
def test_options_may_stand_between_the_words(command: Command, arguments: tuple[str, ...]) -> None:
    """As everywhere: before, between and behind what a command is about."""
    said = command(*arguments)
    assert (said.code, said.err) == (0, "")


def test_a_mistyped_name_is_answered_with_a_hint(command: Command) -> None:
    """The error and its hint go to standard error, each on a line of its own."""
    said = command("actions", "retake.strem_key")
    assert said.err.splitlines() == [
        "retake-flow: there is no action 'retake.strem_key'",
        "    hint: did you mean 'retake.stream_key'?",
    ]
    assert said.out == ""


def test_with_json_an_error_is_an_object(command: Command) -> None:
    """A program that reads JSON lines gets the error as one."""
    said = command("run", "nowhere.yaml", "--json")
    [error] = said.records
    assert (error["event"], error["kind"], said.code, said.err) == ("error", "usage", 2, "")
    assert error["message"] == "there is no flow 'nowhere.yaml'"


def test_a_setting_that_cannot_be_used_ends_with_2(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that the token must not go to is refused before anything else."""
    monkeypatch.setenv("RETAKE_API_URL", "https://evil.example")
    said = command("doctor")
    assert said.code == 2
    assert "RETAKE_API_URL" in said.err


def test_an_error_never_shows_a_secret(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that holds a token is scrubbed on its way out."""
    monkeypatch.setenv("RETAKE_API_URL", "https://rtk_0123456789@retake.tv")
    for form in ((), ("--json",)):
        said = command("doctor", *form)
        assert "rtk_0123456789" not in said.out + said.err
        assert said.code == 2


def test_the_catalogue_is_told_whole_or_in_part(command: Command) -> None:
    """Actions are listed by all, by group or by name, and as JSON with everything that is declared."""
    assert len(command("actions", "--json").records) == len(CATALOGUE)
    groups = {one["action"].split(".")[0] for one in command("actions", "studio", "--json").records}
    assert groups == {"studio"}
    [key] = command("actions", "retake.stream_key", "--json").records
    assert (key["secrets"], key["outcomes"], key["service"]) == (["key", "push_url"], ["done"], False)
    for name in CATALOGUE:
        assert name in command("actions", name).out


def test_the_catalogue_says_what_is_secret_optional_and_by_default() -> None:
    """In words, an input shows its default or that it is optional, and a result shows what is secret."""
    assert "key (secret)" in actions_command._as_text(CATALOGUE["retake.stream_key"])
    assert "framerate (default 30)" in actions_command._as_text(CATALOGUE["studio.encoder"])
    assert "to (optional)" in actions_command._as_text(CATALOGUE["chat.send"])
    assert "(service: an activity)" in actions_command._as_text(CATALOGUE["studio.encoder"])


def test_a_graph_goes_to_standard_output_or_into_a_file(command: Command, folder: Path) -> None:
    """Mermaid is the default form, and a file is written where one is named."""
    (folder / "good.yaml").write_text(GOOD, encoding="utf-8")
    assert command("graph", "good.yaml").out.startswith("stateDiagram-v2\n")
    assert command("graph", "good.yaml", "--format", "dot", "--output", "g.dot").out == ""
    assert (folder / "g.dot").read_text(encoding="utf-8").startswith('digraph "good" {')


def test_doctor_says_what_is_there_and_what_is_missing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code says whether anything needed is missing; the install command is told then."""
    monkeypatch.setenv("PATH", "/nowhere")
    said = command("doctor", "--json")
    [found] = said.records
    assert (said.code, found["ready"]) == (6, False)
    assert "ffmpeg" in found["install"]
    assert all(program["path"] is None for program in found["programs"])
    words = command("doctor")
    assert words.code == 6
    assert "MISSING  ffmpeg" in words.out
    assert found["install"] in words.out


def test_nothing_of_the_help_is_json_or_secret(command: Command) -> None:
    """The help names each command once, with the table of exit codes."""
    shown = command("--help").out
    assert "exit codes:" in shown
    with pytest.raises(json.JSONDecodeError):
        json.loads(shown)


@pytest.mark.parametrize("redirected", ["check go-live.yaml >&-", "check go-live.yaml 2>&- <&-"])
def test_a_closed_stream_is_no_defect(tmp_path: Path, redirected: str) -> None:
    """What was closed when we were started is written to nowhere."""
    said = _in_a_shell(f"{sys.executable} -m retake_flow {redirected}", tmp_path)
    assert (said.returncode, said.stderr) == (0, "")


def test_output_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A full disk behind standard output is one message, and exit code 6."""
    said = _in_a_shell(f"{sys.executable} -m retake_flow check go-live.yaml >/dev/full", tmp_path)
    assert said.returncode == 6
    assert said.stderr == "retake-flow: the output cannot be written: No space left on device\n"


def test_a_sign_that_the_output_has_not_is_written_as_its_number(tmp_path: Path) -> None:
    """A terminal without an arrow still shows the plan."""
    said = _in_a_shell(f"PYTHONIOENCODING=ascii {sys.executable} -m retake_flow plan go-live.yaml", tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    assert "\\u2192 unchanged" in said.stdout


def _in_a_shell(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        shell=True,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize("arguments", [("status",), ("runs", "--limit"), ("check",), ("run", "go-live.yaml", "--name")])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_message_does_not_repeat_thousands_of_digits(
    command: Command, arguments: tuple[str, ...], as_json: bool
) -> None:
    """The beginning shows what was meant."""
    said = command(*arguments, "9" * 5_000, *["--json"] * as_json)
    assert said.code == 2
    assert "9" * 39 in said.out + said.err
    assert "9" * 200 not in said.out + said.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.EMFILE, "Too many open files"), 6, "Too many open files"),
        (UsageError("there is no run"), 2, "there is no run"),
    ],
)
def test_an_error_of_tasks_side_by_side_is_told_as_any_other(
    error: Exception, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a group of tasks raises is no defect of ours because it comes in a group."""

    def command() -> int:
        raise ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", [error])])

    assert exit_code(command, as_json=False) == code
    assert said in (err := capsys.readouterr().err)
    assert "defect" not in err


def test_each_command_has_a_function_of_its_name() -> None:
    """Also those that share a module; none takes the place of another."""
    assert [function_of(name).__name__.replace("_", "-") for name in COMMANDS] == list(COMMANDS)


def test_what_each_command_prints_for_programs_is_published(command: Command) -> None:
    """All but the two servers take `--json`; each has its objects in the schema, and each answer says what is next."""
    for name in set(COMMANDS) - {"serve", "mcp"}:
        assert "--json" in command(name, "--help").out, name
        assert f"{name} --json" in json_output.DEFS, name


@pytest.mark.parametrize(
    ("words", "following"),
    [
        (("check", "nowhere.yaml"), []),
        (("check",), ["retake-flow check go-live.yaml --json"]),
        (("status", "nothing"), ["retake-flow runs --json"]),
        (("status",), ["retake-flow status --help"]),
        (("nonsense",), ["retake-flow --help"]),
    ],
)
def test_an_error_says_what_to_do_next(command: Command, words: tuple[str, ...], following: list[str]) -> None:
    """The commands of its hint, as a program gives them, whatever the mistake."""
    said = command(*words, "--json")
    [error] = said.records
    assert (said.code, error["event"]) == (2, "error")
    assert error["next"] == following


def test_the_commands_of_a_hint_keep_their_variables() -> None:
    """A run in another store is reached only with them."""
    there = "RETAKE_FLOW_STORE='/a b/runs.sqlite' retake-flow stop one"
    assert terminal.commands_in(f"end it with `{there}`, see `man stop`") == [f"{there} --json"]


@pytest.mark.parametrize("words", [("show", "nope", "--json"), ("nonsense", "--json")])
@pytest.mark.parametrize("closes", [False, True])
def test_an_error_that_cannot_be_written_as_json_is_told_in_words(
    tmp_path: Path, words: tuple[str, ...], closes: bool
) -> None:
    """On a full disk, or when the reader is gone: with its own exit code, and no traceback."""
    ours, theirs = os.pipe()
    os.close(ours)
    environment = {**os.environ, "RETAKE_FLOW_STATE": str(tmp_path)}
    with open(theirs, "wb") as pipe, open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "retake_flow", *words],
            stdout=pipe if closes else full,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            timeout=180,
        )
    assert (done.returncode, done.stderr.startswith("retake-flow: ")) == (2, True), done
    assert "Traceback" not in done.stderr
