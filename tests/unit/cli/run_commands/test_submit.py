"""What is submitted waits for a host, with what it needs of one."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cli_command import Command
from flow_processes import write_credentials
from stored_runs import stored
from waiting_runs import ASKING, NAPPING, put

from retake_flow.cli.arguments import moment
from retake_flow.ports.fleet import Demand
from retake_flow.ports.runs import Runs
from retake_flow.settings import Settings
from retake_flow.wiring.storing import open_fleet


def test_a_run_is_stored_with_what_it_needs(command: Command, folder: Path) -> None:
    """Any host may drive it from then on; every command finds it, and says why it waits."""
    file = put(folder, text=ASKING)
    words = (
        "--cost",
        "1.5",
        "--label",
        "nvenc",
        "--label",
        "nvenc",
        "--priority",
        "-3",
        "--agent",
        "owl",
        "--name",
        "o",
    )
    done = command("submit", str(file), *words, "--json")
    (said,) = done.records
    assert (done.code, said["waits"]) == (0, "no worker runs")
    fleet = open_fleet(Settings.from_environment())
    (job,) = fleet.jobs()
    stored = fleet.runs.load(said["run"])
    fleet.close()
    assert (job.run, job.demand) == (said["run"], Demand("owl", 1.5, ("nvenc",), -3))
    assert (stored.run.phase, stored.agent, stored.holder) == ("pending", "owl", None)
    assert f"{said['run']} waits: no worker runs" in command("runs").out
    none, waiting = command("hosts").out.splitlines()
    assert none == "no hosts; `retake-flow worker` makes this machine one"
    assert waiting == "runs that wait for a host: 1, held: 0; `retake-flow runs` says why"
    command("submit", str(file), "--at", "2h", "--agent", "owl")
    assert "wait for a host: 1, for their time: 1, held: 0" in command("hosts").out
    command("stop", "last")
    assert command("submit", "--run", "o", "--cost", "0.25", "--json").records[0]["run"] == said["run"]
    fleet = open_fleet(Settings.from_environment())
    (job,) = fleet.jobs()
    fleet.close()
    assert job.demand == Demand("owl", 0.25, ("nvenc",), -3)
    status = command("status", "o", "--json").records[0]
    assert (status["trouble"], status["next"]) == ("it waits for a host", ["retake-flow runs --json"])
    stopped = command("stop", "o", "--json")
    assert stopped.records[0]["ended"], stopped.out
    refused = command("submit", "--run", "o")
    assert (refused.code, "has ended: stopped" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "either a FLOW or --run RUN"),
        (("{file}", "--run", "last"), "either a FLOW or --run RUN"),
        (("--run", "last", "--set", "a=b"), "go with a FLOW"),
        (("go-live.yaml",), "no agent is known here"),
        (("{file}", "--cost", "0"), "not a number of cores from 0.01 to 4096"),
        (("{file}", "--cost", "nan"), "not a number of cores"),
        (("{file}", "--label", "a b"), "is not a valid label"),
        (("{file}", "--priority", "1e3"), "not a whole number from -1000 to 1000"),
        (("{file}", "--at", "tomorrow"), "is not a time"),
        (("{file}", "--at", "2026-01-01T18:00"), "is in the past; without --at, the run starts at once"),
        (("{file}", "--at", "2001-01-01"), "is in the past"),
        (("{file}", "--agent", "../x"), "'../x' is not a valid name of an agent"),
        (("{file}", "--agent", ""), "'' is not a valid name of an agent"),
        (("--run", "last", "--agent", "a/b"), "'a/b' is not a valid name of an agent"),
        (("--run", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_submitted_is_refused(command: Command, folder: Path, words: tuple[str, ...], said: str) -> None:
    """With what is wrong, and nothing is stored."""
    file = put(folder, text=NAPPING)
    done = command("submit", *(word.format(file=file) for word in words))
    assert done.code == 2
    assert said in done.err
    assert command("runs", "--json").records == []


def test_a_rehearsal_is_not_submitted(command: Command, store: Runs, folder: Path) -> None:
    """Its platform stays on this machine; what to do instead is said, also for one that is stored."""
    refused = command("submit", "go-live.yaml", "--agent", "owl", "--rehearse")
    assert (refused.code, "retake-flow run FLOW --rehearse" in refused.err) == (2, True)
    stored(store, "owl-1", rehearsal=str(folder / "rehearsed"))
    refused = command("submit", "--run", "owl-1")
    assert (refused.code, "`retake-flow resume owl-1` does" in refused.err) == (2, True)


def test_the_agents_of_a_machine_are_offered(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow that acts as an agent has to be told as which, by its file's name or its own."""
    agents = folder / "agents"
    agents.mkdir()
    for name in ("fox", "owl"):
        write_credentials(agents / f"{name}.json", name, f"rtk_{name}_0123456789", "https://retake.tv")
    monkeypatch.setenv("RETAKE_FLOW_AGENTS", str(agents))
    refused = command("submit", "go-live.yaml")
    assert (refused.code, "no agent is named; there are: fox, owl" in refused.err) == (2, True)
    for name in ("fox", "Night Owl", "v1.owl"):
        assert command("submit", "go-live.yaml", "--agent", name, "--at", "1m").code == 0


def test_moments_are_read_as_people_write_them() -> None:
    """A time of day is the next one; a time from now may be written too."""
    now = datetime.now().astimezone()
    assert abs(moment("2h") - time.time() - 7200) < 60
    later, earlier = now + timedelta(minutes=2), now - timedelta(minutes=2)
    for at in (later, earlier):
        ahead = moment(f"{at:%H:%M:%S}") - now.timestamp()
        assert 0 < ahead <= 25 * 3600
    assert moment("2026-12-24T18:00+01:00") == datetime.fromisoformat("2026-12-24T17:00+00:00").timestamp()
    assert moment("2028-02-29T00:00Z") == datetime.fromisoformat("2028-02-29T00:00+00:00").timestamp()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # Rounded, it would be in the year 10000; it is no time at all west of Greenwich.
        ("9999-12-31T23:59:59.999999", "is more than ten years from now|is not a time"),
        ("9999-12-31T23:59:59-14:00", "is more than ten years from now"),
        ("2100-02-29T00:00", "is not a time"),
        ("2030-06-30T23:59:60Z", "is not a time"),
        ("3700d", "is not a time"),
        ("nan", "is not a time"),
        ("inf", "is not a time"),
        ("-1h", "is not a time"),
        ("24:00", "is not a time"),
        ("9" * 5000, "is not a time"),
        ("0001-01-01T00:00+14:00", "is in the past"),
        ("1969-12-31", "is in the past"),
    ],
)
def test_a_time_that_no_run_can_begin_at_is_refused(command: Command, store: Runs, text: str, said: str) -> None:
    """Each with one short message."""
    stored(store, "owl-1")
    refused = command("submit", "--run", "owl-1", f"--at={text}")
    assert (refused.code, bool(re.search(said, refused.err)), len(refused.err) < 1000) == (2, True, True), refused.err


@pytest.mark.parametrize("words", [("drain", "nowhere"), ("drain", "nowhere", "--end")])
def test_a_host_that_is_not_there_cannot_be_drained(command: Command, words: tuple[str, ...]) -> None:
    """The hint says which hosts there are."""
    done = command(*words)
    assert done.code == 2
    assert "there is no host 'nowhere'" in done.err
    assert "no worker runs" in done.err


def test_a_submitted_run_is_driven_as_nobody_else(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand only with its agent's credentials, by whatever name these know the agent; never by `resume --all`."""
    file = put(folder, text=ASKING)
    (run,) = (record["run"] for record in command("submit", str(file), "--agent", "owl", "--json").records)
    for name, called in (("lark", "Lark"), ("owl", "Night Owl")):
        write_credentials(folder / f"{name}.json", called, f"rtk_{name}_0123456789", "https://retake.tv")
    monkeypatch.setenv("RETAKE_CREDENTIALS", str(folder / "lark.json"))
    assert "no run waits for a process" in command("resume", "--all").out
    refused = command("resume", run)
    assert refused.code == 6
    assert "acts as owl" in refused.err
    assert command("runs", "--json").records[0]["phase"] == "pending"
    monkeypatch.setenv("RETAKE_CREDENTIALS", str(folder / "owl.json"))
    assert command("resume", run).code == 4
    assert command("runs", "--json").records[0]["agent"] == "Night Owl"


def test_an_answer_gives_a_submitted_run_back_to_the_workers(command: Command, folder: Path) -> None:
    """It goes on by itself, so nobody is told to resume it."""
    file = put(folder, text=ASKING)
    command("submit", str(file), "--name", "new")
    said = command("say", "new", "hi")
    assert "a worker will, and `retake-flow runs` says why it waits" in said.out + said.err
    command("run", str(file), "--name", "o", "--json")
    command("submit", "--run", "o")
    said = command("say", "o", "hi")
    assert "a worker does once it is answered" in said.out + said.err
    command("run", str(file), "--name", "again", "--json")
    command("submit", "--run", "again")
    assert command("answer", "again", "word=yes", "--within", "0s").out.endswith("; a worker continues it\n")
    (answered,) = command("answer", "o", "word=yes", "--within", "0s", "--json").records
    assert (answered["driven"], answered["submitted"]) == (False, True)
    assert not any("resume" in step for step in answered["next"])
