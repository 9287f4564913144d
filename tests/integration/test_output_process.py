"""Output that is not read, cannot be written or has no reader any more, with real pipes, terminals and full disks."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flow_processes import WITHIN, Home, at_home, command, waited

pytestmark = pytest.mark.real

#: Says something twenty times a second; it depends on the message how much that is.
TALKING = """\
flow: talking
initial: talk
states:
  talk:
    initial: tick
    timeout: 1h
    transitions: {timeout: over}
    states:
      tick: {wait: 50ms, transitions: {done: {to: tock, tell: {kind: told, message: "@"}}}}
      tock: {wait: 50ms, transitions: {done: {to: tick, tell: {kind: told, message: "@"}}}}
  over: {final: completed}
"""
PIPE = 1 << 16
DROPS = 3 << 20


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with a flow that says little at a time, and one that says much."""
    with at_home(tmp_path / "home") as made:
        (made.folder / "talking.yaml").write_text(TALKING.replace("@", "w" * 2000))
        (made.folder / "shouting.yaml").write_text(TALKING.replace("@", "w" * 60000))
        yield made


@pytest.fixture(autouse=True)
def quit_by_signal() -> Iterator[None]:
    """A shell that starts the tests in the background has SIGQUIT ignored, and so would our programs have."""
    before = signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGQUIT, before)


@contextmanager
def run(home: Home, *options: str, flow: str = "talking", **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A run whose output goes where the test says."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    arguments = command("run", str(home.folder / f"{flow}.yaml"), *options)
    environment = {**more.pop("env", home.environment), "PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(arguments, env=environment, **{**streams, **more}) as process:
        hanging = threading.Timer(2 * WITHIN, process.send_signal, (signal.SIGABRT,))  # it says where each thread is
        hanging.start()
        try:
            yield process
        finally:
            hanging.cancel()
            if process.poll() is None:
                process.kill()


def said(home: Home, event: str) -> list[dict[str, Any]]:
    """The records of one kind, as far as the journal tells."""
    try:
        return [record for record in home.journal() if record["event"] == event]
    except Exception:  # there is no store yet
        return []


def written(home: Home) -> int:
    """How much the journal holds."""
    return sum(len(json.dumps(record)) for record in said(home, "notice"))


def goes_on(home: Home) -> None:
    """Make sure that the run does something from now on."""
    before = len(said(home, "state_entered"))

    def went_on() -> bool:
        ended = said(home, "run_ended")
        assert not ended, ended
        return len(said(home, "state_entered")) > before + 3

    waited(went_on, "the run to go on")


def stopped(home: Home) -> None:
    """Stop the run from outside, and see that it is the reason of its end."""
    assert home.call("stop", "last").code == 0
    (ended,) = said(home, "run_ended")
    assert (ended["outcome"], ended["reason"]) == ("stopped", "stopped from another process")


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "non-blocking"])
def test_a_pipe_that_nobody_reads_stalls_nothing(home: Home, blocking: bool) -> None:
    """Long after the pipe is full the run goes on, hears a stop, and ends cleanly; it says how much is lost."""
    with run(home, "--json") as process:
        os.set_blocking(process.stdout.fileno(), blocking)
        waited(lambda: written(home) > 3 * PIPE, "more than the pipe holds")
        goes_on(home)
        stopped(home)
        assert process.wait(WITHIN) == 1
        assert b"could not be written at the end" in process.stderr.read()
        os.set_blocking(process.stdout.fileno(), True)
        lines = process.stdout.read().splitlines()
    assert [json.loads(line)["event"] for line in lines[:2]] == ["run_started", "state_entered"]


def test_dropped_lines_are_counted_when_somebody_reads_again(home: Home) -> None:
    """Also in a non-blocking pipe: the lines that are there and the count are the journal; the last line is the end."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with run(home, "--json", flow="shouting", stdout=writer) as process, os.fdopen(reader) as lines:
        os.close(writer)
        waited(lambda: written(home) > DROPS, "more than is kept")
        process.send_signal(signal.SIGTERM)
        records = [json.loads(line) for line in lines]
        assert process.wait(WITHIN) == 130
    missing = [record["lines"] for record in records if record["event"] == "output_dropped"]
    assert missing
    assert len(records) - len(missing) + sum(missing) == len(home.journal())
    assert (records[-1]["event"], records[-1]["reason"]) == ("run_ended", "interrupted by SIGTERM")


def test_a_person_reads_of_dropped_lines_too(home: Home) -> None:
    """In words, between the lines that were written."""
    with run(home, flow="shouting") as process:
        waited(lambda: written(home) > DROPS, "more than is kept")
        process.send_signal(signal.SIGTERM)
        said = process.stdout.read().decode()
    assert " lines dropped\n" in said
    assert "interrupted by SIGTERM" in said.splitlines()[-1]


def test_a_slow_reader_gets_every_line(home: Home) -> None:
    """A reader that takes a little at a time misses nothing."""
    with run(home, "--json") as process:
        records = []
        for line in process.stdout:
            records.append(json.loads(line))
            if len(records) == 30:
                process.send_signal(signal.SIGTERM)
            waited(lambda: len(said(home, "state_entered")) > len(records) // 2 or process.poll() is not None)
    assert len(records) == len(home.journal())
    assert records[-1]["event"] == "run_ended"


@pytest.mark.parametrize("streams", [("stdout",), ("stderr",), ("stdout", "stderr")], ids=" and ".join)
def test_a_full_disk_behind_a_redirection_ends_nothing(home: Home, streams: tuple[str, ...]) -> None:
    """The run goes on; the journal says once what is wrong with standard output, and so does standard error."""
    with open("/dev/full", "wb") as full, run(home, **dict.fromkeys(streams, full)) as process:
        goes_on(home)
        stopped(home)
        assert process.wait(WITHIN) == 1
        printed = b"" if process.stderr is None else process.stderr.read()
    failed = ["standard output cannot be written (No space left on device)"] if "stdout" in streams else []
    assert [record["message"] for record in said(home, "output_failed")] == failed
    assert (b"cannot be written (No space left on device); the run continues" in printed) == (streams == ("stdout",))


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
def test_output_that_is_closed_from_the_start_ends_nothing(home: Home, closed: tuple[int, ...]) -> None:
    """Neither standard output nor standard error has to be there."""
    with run(home, preexec_fn=lambda: [os.close(handle) for handle in closed]) as process:
        goes_on(home)
        stopped(home)
        assert process.wait(WITHIN) == 1


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_a_reader_that_is_gone_ends_the_run_in_order(home: Home, options: tuple[str, ...]) -> None:
    """The journal and standard error say why."""
    with run(home, *options) as process:
        goes_on(home)
        process.stdout.close()
        assert process.wait(WITHIN) == 130
        printed = process.stderr.read().decode()
    why = "nobody reads standard output any more (Broken pipe)"
    assert printed == f"retake-flow: {why}; the runs of this process end cleanly\n"
    assert [record["reason"] for record in said(home, "stop_requested")] == [why]
    assert [record["reason"] for record in said(home, "run_ended")] == [why]


def test_ctrl_c_that_also_ends_the_reader_does_not_kill(home: Home) -> None:
    """In `retake-flow run … | tee log` both get it: a reader that is gone is no second Ctrl-C."""
    with run(home) as process:
        goes_on(home)
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(WITHIN) == 130
    assert [record["outcome"] for record in said(home, "run_ended")] == ["stopped"]
    assert [record["reason"] for record in said(home, "stop_requested")][:1] != ["killed"]


def test_errors_that_nobody_reads_end_nothing(home: Home) -> None:
    """A reader of standard error alone may go."""
    with run(home) as process:
        goes_on(home)
        process.stderr.close()
        process.send_signal(signal.SIGUSR1)
        goes_on(home)
        stopped(home)
        assert process.wait(WITHIN) == 1


class Screen:
    """A terminal that shows a run, and that can be held, released and taken away."""

    def __init__(self) -> None:
        self.handle, self.inside = pty.openpty()
        termios.tcsetwinsize(self.inside, (40, 200))
        self.shown = b""

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self.handle, key)

    def read(self) -> bytes:
        """The next output; empty when nobody writes any more."""
        try:
            data = os.read(self.handle, PIPE)
        except OSError:
            return b""
        self.shown += data
        return data

    def controls(self) -> None:
        """Make it the terminal of a new session; in the child."""
        os.setsid()
        os.close(os.open(os.ttyname(self.inside), os.O_RDWR))


@pytest.fixture
def screen() -> Iterator[Screen]:
    """A terminal."""
    made = Screen()
    yield made
    for handle in (made.handle, made.inside):
        try:
            os.close(handle)
        except OSError:
            continue


def on_screen(home: Home, screen: Screen, **more: Any) -> Any:
    """A run on a terminal of its own."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.inside)
    return run(home, **{**streams, "preexec_fn": screen.controls, **more})


def test_a_terminal_that_is_held_stalls_nothing(home: Home, screen: Screen) -> None:
    """After Ctrl-S the run goes on and hears a stop; after Ctrl-Q the terminal shows how it ended."""
    with on_screen(home, screen) as process:
        while b"talk/tick" not in screen.shown:
            assert screen.read()
        screen.press(b"\x13")
        goes_on(home)
        goes_on(home)
        assert home.call("stop", "last").code == 0
        screen.press(b"\x11")
        os.close(screen.inside)
        while screen.read():
            pass
        assert process.wait(WITHIN) == 1
    assert b"stopped in" in screen.shown


def test_a_terminal_that_is_gone_ends_the_run_in_order(home: Home, screen: Screen) -> None:
    """By the signal that it sends to whom it takes along."""
    with on_screen(home, screen) as process:
        while b"talk/tick" not in screen.shown:
            assert screen.read()
        os.close(screen.inside)
        os.close(screen.handle)
        assert process.wait(WITHIN) == 130
    (ended,) = said(home, "run_ended")
    assert (ended["outcome"], ended["reason"]) == ("stopped", "interrupted by SIGHUP")


@pytest.mark.parametrize("apart", [os.setsid, None], ids=["setsid", "another's terminal"])
def test_a_run_that_was_set_apart_from_the_terminal_outlives_it(
    home: Home, screen: Screen, apart: Callable[[], None] | None
) -> None:
    """As by `setsid retake-flow run …`: the terminal sends no signal then, and the journal says that it is gone."""
    with on_screen(home, screen, preexec_fn=apart) as process:
        while b"talk/tick" not in screen.shown:
            assert screen.read()
        os.close(screen.inside)
        os.close(screen.handle)
        waited(lambda: said(home, "output_failed"), "the note of it")
        goes_on(home)
        stopped(home)
        assert process.wait(WITHIN) == 1
    (failed,) = said(home, "output_failed")
    assert failed["message"] == "nobody reads standard output any more (Input/output error)"


def test_a_job_that_was_disowned_outlives_its_terminal(home: Home, screen: Screen) -> None:
    """As somebody types it: `retake-flow run … & disown`, and the terminal is closed."""
    command_line = " ".join(command("run", str(home.folder / "talking.yaml")))
    shell = ["bash", "-c", f"set -m; {command_line} & disown; sleep 600"]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.inside)
    with subprocess.Popen(shell, env=home.environment, preexec_fn=screen.controls, **streams) as process:
        goes_on(home)
        os.close(screen.inside)
        os.close(screen.handle)
        assert process.wait(WITHIN) == -signal.SIGHUP
    goes_on(home)
    stopped(home)


@pytest.mark.parametrize("journal", [True, False], ids=["systemd's journal", "a program"])
def test_a_journal_that_is_gone_ends_nothing(home: Home, journal: bool) -> None:
    """The journal may be restarted; any other reader of a socket that is gone has left a run in the foreground."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        status = os.fstat(theirs.fileno())
        named = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"} if journal else {}
        with run(home, stdout=theirs, env={**home.environment, **named}) as process:
            theirs.close()
            goes_on(home)
            ours.close()
            if journal:
                waited(lambda: said(home, "output_failed"), "the note of it")
                goes_on(home)
                stopped(home)
            assert process.wait(WITHIN) == (1 if journal else 130)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_log_on_a_disk_that_fills_up_ends_nothing(home: Home, tmp_path: Path) -> None:
    """The log holds what there was room for, and what comes once there is room again."""
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no mounts here: {made.stderr}")
    try:
        with open(small / "log", "ab") as log, run(home, stdout=log, stderr=log) as process:
            waited(lambda: said(home, "output_failed"), "the note of it")
            goes_on(home)
            os.truncate(small / "log", 0)
            waited(lambda: b"dropped" in (small / "log").read_bytes() or (small / "log").stat().st_size > 0)
            stopped(home)
            assert process.wait(WITHIN) == 1
    finally:
        subprocess.run(["umount", small], check=True)
    (failed,) = said(home, "output_failed")
    assert failed["message"] == "standard output cannot be written (No space left on device)"


def ignores(*numbers: signal.Signals) -> Callable[[], None]:
    """A function with which a child starts with signals ignored."""

    def ignore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return ignore


def test_a_run_that_outlives_hang_ups_outlives_its_reader(home: Home) -> None:
    """Where SIGHUP is ignored, a reader that is gone is noted in the journal, and the run goes on."""
    with run(home, preexec_fn=ignores(signal.SIGHUP)) as process:
        goes_on(home)
        process.stdout.close()
        waited(lambda: said(home, "output_failed"), "the note of it")
        process.send_signal(signal.SIGHUP)
        goes_on(home)
        stopped(home)
        assert process.wait(WITHIN) == 1
        assert b"; the run continues" in process.stderr.read()
    (failed,) = said(home, "output_failed")
    assert failed["message"] == "nobody reads standard output any more (Broken pipe)"


def test_nohup_outlives_the_terminal(home: Home, screen: Screen) -> None:
    """As somebody types it: `nohup retake-flow run … &`, and the terminal is closed."""
    command_line = " ".join(command("run", str(home.folder / "talking.yaml")))
    shell = ["sh", "-c", f"nohup {command_line} >log 2>&1 & sleep 600"]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.inside)
    with subprocess.Popen(
        shell, cwd=home.folder, env=home.environment, preexec_fn=screen.controls, **streams
    ) as process:
        goes_on(home)
        os.close(screen.inside)
        os.close(screen.handle)
        assert process.wait(WITHIN) == -signal.SIGHUP
    goes_on(home)
    stopped(home)
    assert "stopped in" in (home.folder / "log").read_text()


@pytest.mark.parametrize("background", [True, False], ids=["background", "stty tostop"])
def test_a_background_of_a_terminal_neither_asks_nor_stops(home: Home, screen: Screen, background: bool) -> None:
    """A job in the background writes plain lines, also where the terminal wants none of it (`stty tostop`)."""
    command_line = " ".join(command("run", str(home.folder / "talking.yaml")))
    held = "" if background else "stty tostop; "
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.inside)
    with subprocess.Popen(
        ["sh", "-c", f"set -m; {held}{command_line} & wait"],
        env=home.environment,
        preexec_fn=screen.controls,
        **streams,
    ) as process:
        goes_on(home)
        screen.press(b"x\n")
        goes_on(home)
        stopped(home)
        os.close(screen.inside)
        while screen.read():
            pass
        process.wait(WITHIN)
    assert b"stopped in" in screen.shown
    assert b"running" not in screen.shown  # no picture over what is in the foreground


@pytest.mark.parametrize(
    ("number", "outcome", "reason", "options"),
    [
        (signal.SIGINT, "stopped", "interrupted by SIGINT (Ctrl-C)", ()),
        (signal.SIGTERM, "stopped", "interrupted by SIGTERM", ("--json",)),
        (signal.SIGHUP, "stopped", "interrupted by SIGHUP", ()),
        (signal.SIGXCPU, "stopped", "interrupted by SIGXCPU", ("--json",)),
        (signal.SIGALRM, "stopped", "interrupted by SIGALRM", ()),
        (signal.SIGPWR, "stopped", "interrupted by SIGPWR", ()),
        (signal.SIGQUIT, "killed", "killed by SIGQUIT", ()),
        (signal.SIGQUIT, "killed", "killed by SIGQUIT", ("--json",)),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else "",
)
def test_the_signal_is_the_reason(
    home: Home, number: signal.Signals, outcome: str, reason: str, options: tuple[str, ...]
) -> None:
    """In the journal and in the last line; a signal without meaning to a run is reported, and ends nothing."""
    with run(home, *options) as process:
        goes_on(home)
        process.send_signal(signal.SIGUSR1)
        goes_on(home)
        process.send_signal(number)
        last = process.stdout.read().decode().splitlines()[-1]
        assert process.wait(WITHIN) == 130
        assert process.stderr.read() == b"retake-flow: SIGUSR1 has no effect on a run, which continues\n"
    (ended,) = said(home, "run_ended")
    assert (ended["outcome"], ended["reason"]) == (outcome, reason)
    assert (json.loads(last)["reason"] == reason) if options else last.endswith(f": {reason}")


def test_signals_that_mean_nothing_end_nothing(home: Home) -> None:
    """Each of these would end a program that does not know it, without any order."""
    numbers = (signal.SIGUSR2, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO)
    with run(home, stdout=subprocess.DEVNULL) as process:
        for number in numbers:
            goes_on(home)
            process.send_signal(number)
        goes_on(home)
        stopped(home)
        assert process.wait(WITHIN) == 1
        printed = process.stderr.read().decode()
        assert printed == "".join(
            f"retake-flow: {one.name} has no effect on a run, which continues\n" for one in numbers
        )


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_that_is_ignored_stays_so(home: Home, number: signal.Signals) -> None:
    """As nohup, a shell's background or a supervisor start it."""
    other = signal.SIGTERM if number is not signal.SIGTERM else signal.SIGINT
    with run(home, preexec_fn=ignores(number), stdout=subprocess.DEVNULL) as process:
        goes_on(home)
        process.send_signal(number)
        goes_on(home)
        process.send_signal(other)
        assert process.wait(WITHIN) == 130
    assert [other.name in record["reason"] for record in said(home, "run_ended")] == [True]


def test_watching_waits_for_its_reader_and_loses_nothing(home: Home) -> None:
    """`watch` drives nothing: through a non-blocking pipe that is read late it gives the whole journal."""
    with run(home, stdout=subprocess.DEVNULL):
        waited(lambda: written(home) > 3 * PIPE, "more than a pipe holds")
        stopped(home)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen(
        command("watch", "last", "--json"), env=home.environment, stdout=writer, stderr=subprocess.PIPE
    ) as process:
        waited(lambda: not select.select([], [writer], [], 0)[1], "the pipe to be full")
        os.close(writer)
        with os.fdopen(reader) as lines:
            records = [json.loads(line) for line in lines]
        assert process.wait(WITHIN) == 1
        assert process.stderr.read() == b""
    assert records == [{"number": number, **record} for number, record in enumerate(home.journal(), 1)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_rehearsal_alone_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Each ends it with its report written; nobody has to read what it says on standard error."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.write(writer, b"x" * PIPE)  # it is full
    with subprocess.Popen(
        command("rehearsal", "--folder", str(tmp_path / "files")), stdout=subprocess.PIPE, stderr=writer
    ) as process:
        assert "api_url" in json.loads(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(WITHIN) == 0
    os.close(reader)
    os.close(writer)
    assert json.loads((tmp_path / "files" / "report.json").read_text())["ended"]
