"""The list of runs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from cli_command import Command
from stored_runs import AWAY, CHOICE, DEAD, ESCAPES, a_gate, ended, stored

from retake_flow.cli import table
from retake_flow.ports.runs import Runs
from retake_flow.run.run import Phase
from retake_flow.store.holders import this_process

SECONDS = "SECONDS"  # however many pass meanwhile


def test_where_there_are_none_it_is_said_how_to_make_one(command: Command, store: Runs) -> None:
    """An empty store is no error: people get words, programs get no line."""
    assert command("runs").out == "no runs yet; `retake-flow run go-live.yaml --rehearse` makes one\n"
    assert command("runs", "--json").records == []
    assert command("runs", "--agent", "nobody").out == "no such runs\n"


def test_a_run_is_a_line_the_newest_first(command: Command, store: Runs) -> None:
    """Each run is told with its flow, agent, phase, state, questions, age and process."""
    stored(store, "owl-1", a_gate(), CHOICE)
    ended(store, "owl-2", agent="")
    head, *lines = command("runs").out.splitlines()
    assert head.split() == ["RUN", "FLOW", "AGENT", "PHASE", "STATE", "GATES", "AGE", "PROCESS"]
    assert [[re.sub(r"^\d+s$", SECONDS, word) for word in line.split()] for line in lines] == [
        ["owl-2", "go-live.yaml", "-", "completed", "done", "-", SECONDS, "-"],
        ["owl-1", "go-live.yaml", "owl", "suspended", "on/air", "2", SECONDS, "-"],
    ]
    ended(store, "owl-3", rehearsal="/r")
    assert command("runs").out.splitlines()[1].split()[:4] == ["owl-3", "go-live.yaml", "(rehearsal)", "owl"]


def test_the_process_is_alive_dead_or_elsewhere(command: Command, store: Runs) -> None:
    """A run tells which process drives it, that the process has died, or on which other host it is."""
    stored(store, "owl-1", holder=this_process())
    stored(store, "owl-2", holder=DEAD)
    stored(store, "owl-3", holder=AWAY)
    ended(store, "owl-4", holder=DEAD)
    shown = [line.split("  ")[-1].strip() for line in command("runs").out.splitlines()[1:]]
    seconds = [re.sub(r"\b\d+s$", SECONDS, each) for each in shown]
    assert seconds == ["-", f"pid 77@studio-2, lease {SECONDS}", "died", f"pid {os.getpid()}"]
    held = [one["holder"] for one in command("runs", "--json").records]
    assert [one["alive"] for one in held] == [False, True, False, True]


def test_runs_are_filtered(command: Command, store: Runs) -> None:
    """Only runs of some phases, a state, an agent or a flow are listed where these are named."""
    stored(store, "a-1", flow="a", agent="ann")
    stored(store, "b-1", a_gate(), flow="b", state="verify/prove")
    ended(store, "c-1", flow="b")

    def listed(*arguments: str) -> list[str]:
        return [one["run"] for one in command("runs", "--json", *arguments).records]

    assert listed() == ["c-1", "b-1", "a-1"]
    assert listed("--phase", "running", "--phase", "completed") == ["c-1", "a-1"]
    assert listed("--state", "prove") == listed("--state", "verify/prove") == listed("--state", "/prove") == ["b-1"]
    assert listed("--state", "rove") == listed("--state", "verify") == []
    assert listed("--agent", "ann") == ["a-1"]
    assert listed("--flow", "b", "--phase", "suspended") == ["b-1"]


def test_the_newest_twenty_are_shown_unless_more_are_asked_for(command: Command, store: Runs) -> None:
    """A long list is cut, which is said; the filters go before the cut."""
    for number in range(25):
        ended(store, f"owl-{number:02}", state="a" if number < 5 else "b")
    said = command("runs").out.splitlines()
    assert (len(said), said[-1]) == (22, "these are the newest 20; --limit 0 shows all")
    assert len(command("runs", "--json", "--limit", "0").records) == 25
    assert [one["run"] for one in command("runs", "--json", "--state", "a", "--limit", "2").records] == [
        "owl-04", "owl-03",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [("--phase", "asleep"), ("--limit", "-1"), ("--limit", "٣"), ("--limit", "many")])
def test_what_cannot_be_asked_for_is_refused(command: Command, wrong: tuple[str, str]) -> None:
    """A phase that does not exist and a limit that is no number end with 2."""
    assert command("runs", *wrong).code == 2


def test_json_tells_all_of_a_summary(command: Command, store: Runs) -> None:
    """A program gets each run as one object with exact times."""
    stored(store, "owl-1", a_gate(), holder=this_process(), phase=Phase.WAITING)
    [one] = command("runs", "--json").records
    assert one.pop("created") <= one.pop("updated")
    assert one.pop("holder")["pid"] == os.getpid()
    assert one == {
        "run": "owl-1", "flow": "go-live", "agent": "owl", "phase": "waiting", "state": "on/air", "outcome": None,
        "reason": "", "damage": None, "gates": 1, "flow_file": "/x/go-live.yaml", "rehearsal": None,
        "host": None, "waits": None,
        "next": ["retake-flow status owl-1 --json"],
    }  # fmt: skip


def test_no_name_can_reach_into_the_terminal(command: Command, store: Runs) -> None:
    """Control sequences in names are left out of the table, and so is what looks like a secret."""
    stored(store, "owl-1", agent=f"owl{ESCAPES}", flow="rtk_0123456789")
    out = command("runs").out
    assert "owlred" in out
    assert all(character.isprintable() or character == "\n" for character in out)
    assert "rtk_0123456789" not in out + command("runs", "--json").out


def test_a_table_fits_the_terminal(command: Command, store: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal the widest columns are cut, and no line is broken, also not by wide characters."""
    stored(store, "go-live-20260101-120000-abcd", agent="梟のエージェント", state="broadcast/pushing/on_air")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((72, 24)))
    lines = command("runs").out.splitlines()
    assert all(table._columns(line) <= 72 for line in lines)
    assert "…" in lines[1]
    assert lines[0].index("PROCESS") == 72 - len("PROCESS")


def test_a_store_that_is_none_is_told_in_one_message(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is no store ends with 6 and one message that says what to do; the file stays as it is."""
    file = tmp_path / "broken.sqlite"
    file.write_bytes(b"SQLite format 3\0" + b"nonsense" * 200)
    monkeypatch.setenv("RETAKE_FLOW_STORE", str(file))
    for name in ("runs", "gates", "prune"):
        said = command(name)
        assert said.code == 6
        assert said.err.startswith(f"retake-flow: the store {file} ")
        assert len(said.err.splitlines()) == 2
    assert file.read_bytes().endswith(b"nonsense")
    assert [one["kind"] for one in command("runs", "--json").records] == ["store"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", "\udcff"), 2, "there is no run '\\udcff'"),
        (("stop", "\udcff"), 2, "there is no run '\\udcff'"),
        (("show", "owl-1\0"), 2, "there is no run 'owl-1\\x00'"),
        (("kill", "owl-1\0"), 2, "there is no run 'owl-1\\x00'"),
        (("gates", "\udcff"), 2, "there is no run '\\udcff'"),
        (("graph", "go-live.yaml", "--run", "\udcff"), 2, "there is no run '\\udcff'"),
        (("drain", "\udcff"), 2, "there is no host '\\udcff'"),
        (("runs", "--agent", "\udcff"), 0, "no such runs"),
        (("runs", "--agent", "owl\0"), 0, "no such runs"),
        (("runs", "--flow", "\udcff"), 0, "no such runs"),
    ],
)
def test_what_no_database_takes_means_no_run(
    command: Command, store: Runs, words: tuple[str, ...], code: int, said: str
) -> None:
    """Arguments may be any bytes, and the page may ask for any text, even with a NUL in it."""
    stored(store, "owl-1")
    done = command(*words)
    assert (done.code, said in done.out + done.err) == (code, True), done
