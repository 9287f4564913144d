"""Steps that run the program itself: rehearsals with the real programs of the studio."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import postgres_server
import pytest
from flow_processes import WITHIN, encoder, gone
from pytest_bdd import given, parsers, then, when

from retake_flow.testing.steps.tables import ON_AIR

#: Seconds after which a program that hangs is asked to end, also on a slow and busy machine.
_LONGEST = 600


class Program:
    """A command, by default `run go-live.yaml --rehearse`, with `--json`, and what it printed so far."""

    def __init__(
        self,
        home: Path,
        *more: str,
        words: Sequence[str] = ("run", "go-live.yaml", "--rehearse"),
        database: postgres_server.Server | None = None,
        lease: str = "35s",
    ) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("RETAKE_", "XDG_"))}
        command = [sys.executable, "-m", "retake_flow", *words, "--json", *more]
        self.records: list[dict[str, Any]] = []
        self.store = home / "state" / "runs.sqlite"
        environment |= {"HOME": str(home), "RETAKE_FLOW_STATE": str(self.store.parent)}
        if database is not None:
            environment |= {"RETAKE_FLOW_STORE": database.url, "RETAKE_FLOW_LEASE": lease}
        self.process = subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, text=True)
        # So that the output of one that hangs ends, and the step that waits for it fails.
        self._limit = threading.Timer(_LONGEST, self.process.terminate)
        self._limit.daemon = True
        self._limit.start()

    def until(self, event: str, **fields: object) -> None:
        """Read on to a record."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.records.append(json.loads(line))
            if self.records[-1]["event"] == event and fields.items() <= self.records[-1].items():
                return
        raise AssertionError(f"it ended without {event} {fields}: {self.records[-1:]}")

    def finish(self) -> int:
        """Read on to the end."""
        assert self.process.stdout is not None
        self.records += [json.loads(line) for line in self.process.stdout]
        self._limit.cancel()
        return self.process.wait(WITHIN)

    @property
    def run(self) -> str:
        """The run that it drives."""
        return str(self.records[0]["run"])

    @property
    def report(self) -> dict[str, Any]:
        """What the rehearsal saw."""
        for record in self.records:
            if record["event"] == "rehearsal_report":
                return record
        (file,) = self.store.parent.parent.rglob("report.json")  # of a run that ended with an error
        seen: dict[str, Any] = json.loads(file.read_text())
        return seen

    @property
    def soak(self) -> dict[str, Any]:
        """What a long rehearsal has shown."""
        return next(record for record in self.records if record["event"] == "soak_report")


@pytest.fixture
def started() -> Iterator[list[Program]]:
    """The programs that a scenario started; none outlives it."""
    programs: list[Program] = []
    yield programs
    for program in programs:
        if program.process.poll() is None:
            program.process.send_signal(signal.SIGTERM)
            program.finish()
        assert program.process.stdout is not None
        program.process.stdout.close()


@given("a home that holds nothing", target_fixture="home")
def empty_home(tmp_path: Path) -> Path:
    """Neither credentials nor settings."""
    home = tmp_path / "home"
    home.mkdir()
    return home


@when(parsers.parse("an agent rehearses for {duration}"), target_fixture="program")
def rehearses(
    home: Path, duration: str, started: list[Program], database: postgres_server.Server | None, lease: str
) -> Program:
    """The program runs from here on."""
    started.append(Program(home, "--for", duration, database=database, lease=lease))
    return started[-1]


@when(parsers.parse("an agent rehearses {hours} hours of a lively stream"), target_fixture="program")
def rehearses_long(home: Path, hours: str, started: list[Program]) -> Program:
    """With viewers, trolls and trouble of all sorts."""
    started.append(Program(home, "--hours", hours))
    return started[-1]


@when("its encoder is killed on air")
def encoder_killed_on_air(program: Program) -> None:
    """As by kill -9."""
    program.until("state_entered", state=ON_AIR)
    encoder(program.run).kill()


@when("Ctrl-C is pressed when it is on air again")
def interrupted(program: Program) -> None:
    """As a terminal does it, to the program alone."""
    program.until("state_entered", state=ON_AIR)
    program.process.send_signal(signal.SIGINT)


@then(parsers.parse("it exits with {code:d}"))
def exits(program: Program, code: int) -> None:
    """The exit code that the command line documents."""
    assert program.finish() == code


@then(parsers.parse("its last line says that the run is {outcome}"))
def last_line(program: Program, outcome: str) -> None:
    """The record `run_ended` is the last of all, also after the report."""
    assert program.records[-1]["event"] == "run_ended"
    assert program.records[-1]["outcome"] == outcome
    assert [record["event"] for record in program.records].count("run_ended") == 1


@then(
    parsers.parse(
        "the recording holds {seconds:g} s or more of {codec} {size} {pixels} at {rate:g} frames/s with {audio}"
    )
)
def recorded(program: Program, seconds: float, codec: str, size: str, pixels: str, rate: float, audio: str) -> None:
    """As ffprobe reads the file; a busy machine may lose a few frames."""
    (recording,) = program.report["recordings"]
    video = recording["video"]
    assert video["duration_seconds"] >= seconds
    assert (video["codec"], f"{video['width']}x{video['height']}") == (codec, size)
    assert (video["pixel_format"], video["audio_codec"]) == (pixels, audio)
    assert video["frames"] / video["duration_seconds"] == pytest.approx(rate, rel=0.2)


@then("a thumbnail and a recording can be looked at")
def files(program: Program) -> None:
    """The report names files that are there."""
    assert Path(program.report["recordings"][0]["path"]).stat().st_size > 10_000
    assert Path(program.report["agents"][0]["thumbnails"][0]["path"]).read_bytes()[:4] in (
        b"\x89PNG",
        b"\xff\xd8\xff\xe0",
    )


@then("the rehearsal saw no rule broken")
def no_rule_broken(program: Program) -> None:
    """Keys, thumbnails, the pace of polls."""
    assert program.report["broken_rules"] == []


@then("the run has handled each entry of the chat exactly once")
def each_handled(program: Program) -> None:
    """Messages, tips and trades of viewers, bursts and trolls among them."""
    messages = program.soak["messages"]
    assert messages["written"] >= 60
    assert (messages["missed"], messages["twice"], messages["named"]) == (0, 0, [])


@then("it came back on air after the key was rotated and after its push was closed")
def came_back(program: Program) -> None:
    """A stream that was not on its way back already says how long it took."""
    assert {"rotate_key", "close_push"} <= program.soak["faults"]["streams"].keys()
    back = {each["after"]: each["seconds"] for each in program.soak["recoveries"]}
    assert back["rotate_key"] is not None
    assert back.get("close_push", 0.0) is not None


@then("its report says how soon the chat was read, and how much the runner took")
def measured(program: Program) -> None:
    """Seconds, bytes and shares of a core that can be true."""
    soak = program.soak
    assert 0 < soak["reaction"]["median"] <= soak["reaction"]["p95"] <= soak["reaction"]["longest"]
    assert soak["memory"]["highest"] >= soak["memory"]["settled"] > 10_000_000
    assert 0 < soak["cpu"] < 1


@then(parsers.parse("the rehearsal saw {used:d} keys or more, none of them twice"))
def keys_used(program: Program, used: int) -> None:
    """A fresh key before every push; a push that a busy machine begins too slowly takes one more."""
    keys = program.report["keys"]
    assert keys["used"] >= used
    assert (keys["reused"], keys["refused_pushes"]) == (0, 0)


@then("its stream has had no break")
def no_break(program: Program) -> None:
    """Once it was on air."""
    assert [record["event"] for record in program.records if record.get("state") == ON_AIR].count("state_entered") == 1


@then("no program that it started is left")
def no_program_left(program: Program) -> None:
    """None that bears the run's marker."""
    gone(program.run)


@then("nothing it started is left")
def nothing_left(program: Program) -> None:
    """No program that bears the run's marker lives, and no session is open."""
    gone(program.run)
    assert [s for s in program.report["agents"][0]["sessions"] if s["ended"] is None] == []
