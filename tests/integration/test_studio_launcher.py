"""Programs are started once, watched, and ended for certain: with real processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from flow_processes import WITHIN, waited
from run_programs import children, lives, programs

from retake_flow.errors import MissingProgram, NotReady, ProcessFailed, SecretRefused
from retake_flow.redact import MASK, Secret
from retake_flow.studio.processes.launcher import PROCESS_VARIABLE, RUN_VARIABLE, Launcher, sweep
from retake_flow.studio.processes.process import Process, ProcessSpec

# Ignores TERM, and so do its children: one beside it, one in a session of its own.
STUBBORN = "trap '' TERM; sleep 300 & setsid sleep 300 & echo up; while :; do sleep 300; done"


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


def shell(script: str, *arguments: str | Secret, **limits: Any) -> ProcessSpec:
    """A shell script as a program."""
    return ProcessSpec(("sh", "-c", script, "sh", *arguments), **{"ready_within": WITHIN, **limits})


def grown(marker: str) -> None:
    """Wait until `STUBBORN` has started all its children, and each is the program that it is to be."""
    waited(lambda: len(programs(marker, "sleep")) == 3)


def said(word: bytes) -> tuple[Callable[[bytes], None], Callable[[Process], Awaitable[None]]]:
    """A listener, and a probe that is satisfied once the listener has heard `word`."""
    heard = asyncio.Event()

    def hear(output: bytes) -> None:
        if word in output:
            heard.set()

    async def probe(_: Process) -> None:
        await heard.wait()

    return hear, probe


async def never(_: Process) -> None:
    """A probe that is never satisfied."""
    await asyncio.Event().wait()


def test_a_program_lives_exactly_as_long_as_its_context(marker: str) -> None:
    """Inside the context the program runs, ready and as the process that was started; afterwards it is gone."""

    async def run() -> None:
        hear, ready = said(b"up")
        spec = shell("echo up; while :; do sleep 300; done")
        async with Launcher(marker, os.environ).process(spec, ready, hear) as process:
            assert process.alive
            assert psutil.Process(process.pid).name() == "sh"
        assert not process.alive
        assert programs(marker) == []

    asyncio.run(run())


def test_a_program_that_ignores_the_request_to_end_is_killed_with_all_it_started(marker: str) -> None:
    """A program that ignores TERM, its child, and its grandchild in another session are all gone."""

    async def run() -> None:
        hear, ready = said(b"up")
        async with Launcher(marker, os.environ).process(shell(STUBBORN, grace=0.1), ready, hear) as process:
            grown(marker)
        assert await process.wait() == "sh was killed by signal 9"
        assert programs(marker) == []

    asyncio.run(run())


def test_a_program_is_asked_before_it_is_killed(marker: str, tmp_path: Path) -> None:
    """The stop signal of the specification arrives, and the program may finish its work."""
    done = tmp_path / "done"
    script = f"trap 'echo bye > {done}; exit 7' INT; echo up; while :; do sleep 0.01; done"

    async def run() -> None:
        hear, ready = said(b"up")
        spec = shell(script, stop_signal=signal.SIGINT, grace=WITHIN)
        async with Launcher(marker, os.environ).process(spec, ready, hear) as process:
            pass
        assert await process.wait() == "sh ended with status 7"

    asyncio.run(run())
    assert done.read_text() == "bye\n"


@pytest.mark.parametrize("again_after", [None, 0, 1, 4])
def test_a_cancellation_at_any_instant_leaves_nothing(marker: str, again_after: int | None) -> None:
    """Cancelled at any step of the event loop, once or twice: no process is left, and the task ends as cancelled."""

    async def use(entered: asyncio.Event) -> None:
        hear, ready = said(b"up")
        spec = shell(STUBBORN, grace=0.05)
        async with Launcher(marker, os.environ).process(spec, ready, hear):
            entered.set()
            await asyncio.Event().wait()

    async def steps(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def run(instant: int | None) -> None:
        entered = asyncio.Event()
        task = asyncio.create_task(use(entered))
        await (entered.wait() if instant is None else steps(instant))
        task.cancel()
        if again_after is not None:
            await steps(again_after)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert programs(marker) == []

    for instant in (0, 1, 2, 3, 4, 5, 6, 8, 12, 20, 50, None):
        asyncio.run(run(instant))


def test_a_loop_that_is_torn_down_leaves_nothing(marker: str) -> None:
    """A program in a task that nobody awaits is gone when the event loop ends."""

    async def use(entered: asyncio.Event) -> None:
        hear, ready = said(b"up")
        async with Launcher(marker, os.environ).process(shell(STUBBORN, grace=0.05), ready, hear):
            entered.set()
            await asyncio.Event().wait()

    async def run() -> None:
        entered = asyncio.Event()
        task = asyncio.create_task(use(entered))
        await entered.wait()
        assert not task.done()

    asyncio.run(run())
    assert programs(marker) == []


def test_a_killed_program_is_noticed_and_its_children_are_swept(marker: str) -> None:
    """`wait` returns that it was killed; its children are gone with the context."""

    async def run() -> None:
        hear, ready = said(b"up")
        async with Launcher(marker, os.environ).process(shell(STUBBORN), ready, hear) as process:
            grown(marker)
            os.kill(process.pid, signal.SIGKILL)
            assert await process.wait() == "sh was killed by signal 9"
            assert not process.alive
            assert len(programs(marker)) == 3
        assert programs(marker) == []

    asyncio.run(run())


def test_a_program_that_ends_too_early_says_why(marker: str) -> None:
    """Status, last lines and hint are in the error, even when the lines come right before the end."""

    async def run() -> None:
        spec = shell("echo one >&2; echo cannot open it >&2; exit 3", hint="look at it")
        with pytest.raises(ProcessFailed) as raised:
            async with Launcher(marker, os.environ).process(spec, never):
                raise AssertionError("it is not ready")
        message = "sh ended with status 3 before it was ready; its last lines: one / cannot open it"
        assert raised.value.message == message
        assert raised.value.hint == "look at it"
        assert programs(marker) == []

    asyncio.run(run())


def test_a_program_that_is_never_ready_is_ended(marker: str) -> None:
    """After its time the program is ended, and the error says how long it had."""

    async def run() -> None:
        with pytest.raises(NotReady, match=r"sh was not ready within 0\.2 s"):
            async with Launcher(marker, os.environ).process(shell("exec sleep 300", ready_within=0.2), never):
                raise AssertionError("it is not ready")
        assert programs(marker) == []

    asyncio.run(run())


def test_an_error_inside_the_context_ends_the_program_and_comes_out(marker: str) -> None:
    """The caller sees the error that was raised while the program ran."""

    async def run() -> None:
        with pytest.raises(ZeroDivisionError):
            async with Launcher(marker, os.environ).process(shell("exec sleep 300")):
                _ = 1 / 0
        assert programs(marker) == []

    asyncio.run(run())


def test_a_missing_program_is_named_with_its_command(marker: str, tmp_path: Path) -> None:
    """Nothing is started when the program is not there; the hint installs it."""

    async def run() -> None:
        with pytest.raises(MissingProgram) as raised:
            async with Launcher(marker, {"PATH": str(tmp_path)}).process(ProcessSpec(("Xvfb", ":99"))):
                raise AssertionError("it is not there")
        assert raised.value.hint.endswith("apt install xvfb")

    asyncio.run(run())


def test_a_folder_that_is_not_there_is_a_clean_error(marker: str, tmp_path: Path) -> None:
    """A program that cannot be started at all is reported as failed."""

    async def run() -> None:
        with pytest.raises(ProcessFailed, match="sh could not be started: No such file or directory"):
            async with Launcher(marker, os.environ).process(shell("true", folder=tmp_path / "nowhere")):
                raise AssertionError("it cannot start")

    asyncio.run(run())


def test_a_secret_argument_reaches_the_program_and_no_text_of_ours(marker: str) -> None:
    """The program gets the secret; in its lines and in the errors it is masked."""

    async def run() -> None:
        secret = Secret("rtmp://ingest/app/a-very-secret-key")
        spec = shell('test ${#1} = 35 || exit 9; echo "refused: $1" >&2; exit 1', secret)
        with pytest.raises(ProcessFailed) as raised:
            async with Launcher(marker, os.environ).process(spec, never):
                raise AssertionError("it is not ready")
        assert raised.value.message.endswith(f"status 1 before it was ready; its last lines: refused: {MASK}")

    asyncio.run(run())


def test_children_know_their_run_and_not_our_token(marker: str) -> None:
    """A child's environment has the run's marker and its own variables, but none of our settings and no keys."""

    async def run() -> None:
        ours = {"RETAKE_ACCESS_TOKEN": "rtk_123456", "MOLTBOOK_API_KEY": "m", "OPENAI_API_KEY": "o", "OTHER": "x"}
        theirs = {"PATH": os.environ["PATH"], "HOME": "/h", "LC_TIME": "C", "TZ": "UTC", "XDG_DATA_HOME": "/d"}
        environment = {**ours, **theirs, "KEPT": "yes"}
        spec = ProcessSpec(("env",), environment={"DISPLAY": ":7"}, variables=("KEPT", "MISSING"))
        completed = await Launcher(marker, environment).run(spec, timeout=WITHIN)
        printed = dict(line.split("=", 1) for line in completed.stdout.decode().splitlines() if "=" in line)
        assert printed[RUN_VARIABLE] == marker
        assert printed[PROCESS_VARIABLE]
        assert (printed["KEPT"], printed["DISPLAY"]) == ("yes", ":7")
        assert printed.items() >= theirs.items()
        assert set(printed) <= {RUN_VARIABLE, PROCESS_VARIABLE, "KEPT", "DISPLAY", "_", "PWD", "SHLVL", *theirs}

    asyncio.run(run())


@pytest.mark.parametrize("value", ["rtk_123456", "Bearer rtk_123456", "https://x/?token=rtk_123456"])
def test_no_program_gets_an_access_token_by_another_name(marker: str, value: str) -> None:
    """The program is not started, and the message names the variable and no token."""

    async def run() -> None:
        spec = ProcessSpec(("env",), variables=("VOICE_KEY",))
        with pytest.raises(SecretRefused, match="VOICE_KEY holds an access token") as raised:
            await Launcher(marker, {"PATH": os.environ["PATH"], "VOICE_KEY": value}).run(spec, timeout=WITHIN)
        assert "rtk_" not in raised.value.message + raised.value.hint

    asyncio.run(run())
    assert programs(marker) == []


def test_a_program_that_prints_its_keys_has_them_masked(marker: str) -> None:
    """None of its last lines shows a key; a short word stays."""

    async def run() -> None:
        spec = ProcessSpec(("sh", "-c", 'echo "$SPEECH_KEY $SPEAKER" >&2'), variables=("SPEECH_KEY", "SPEAKER"))
        variables = {"PATH": os.environ["PATH"], "SPEECH_KEY": "a-key-of-speech-4711", "SPEAKER": "anna"}
        completed = await Launcher(marker, variables).run(spec, timeout=WITHIN)
        assert completed.lines == (f"{MASK} anna",)

    asyncio.run(run())


def test_a_program_that_runs_to_its_end_is_reported_in_full(marker: str) -> None:
    """Status, all of the output and the last lines come back, however much was written."""

    async def run() -> None:
        spec = shell("seq 1 200000; echo complaint >&2; exit 4")
        completed = await Launcher(marker, os.environ).run(spec, timeout=WITHIN)
        assert completed.status == 4
        assert completed.stdout.split()[-1] == b"200000"
        assert len(completed.stdout.split()) == 200_000
        assert completed.lines == ("complaint",)
        assert completed.ending == "sh ended with status 4: complaint"

    asyncio.run(run())


def test_a_program_that_does_not_finish_is_ended(marker: str) -> None:
    """A one-shot program that hangs is ended with all it started."""

    async def run() -> None:
        with pytest.raises(NotReady, match=r"sh did not finish within 0\.2 s"):
            await Launcher(marker, os.environ).run(shell(STUBBORN, grace=0.05), timeout=0.2)
        assert programs(marker) == []

    asyncio.run(run())


def test_a_grandchild_that_holds_the_output_open_does_not_hold_us(marker: str) -> None:
    """The end of a program is reported although a child of it still has its output."""

    async def run() -> None:
        launcher = Launcher(marker, os.environ)
        async with asyncio.timeout(WITHIN), launcher.process(shell("setsid sleep 300 & exit 5")) as process:
            assert await process.wait() == "sh ended with status 5"
        assert programs(marker) == []

    asyncio.run(run())


@pytest.mark.parametrize("output", [1, 2])
def test_a_program_goes_on_while_nobody_reads_what_it_writes(marker: str, tmp_path: Path, output: int) -> None:
    """While we are stopped it may write as much as it likes; afterwards the newest of it is read, in whole lines."""
    heard = bytearray()

    async def run() -> None:
        written = tmp_path / "written"
        script = f"read go; seq 1000000 >&{output}; touch {written}; read on; echo end"
        spec = shell(script, fed=True, detached=True)
        async with Launcher(marker, os.environ).process(spec, stdout=heard.extend) as process:
            process.write(b"go\n")
            waited(written.exists)  # without the event loop, as if we were stopped
            process.write(b"and\n")
            await process.wait()
        numbers = [int(number) for number in (process.lines if output == 2 else heard.decode().split()[:-1])]
        assert heard.endswith(b"end\n")
        assert numbers[-1] == 1_000_000
        assert numbers == list(range(numbers[0], 1_000_001))
        assert programs(marker) == []

    asyncio.run(run())


def test_all_lines_of_a_program_that_is_read_are_heard(marker: str) -> None:
    """The output of a detached program is heard whole and in order, however much it is; none of it is kept."""
    lines: list[str] = []

    async def run() -> None:
        # It waits to be read now and then, since only the end of a longer output would be.
        loop = "for n in $(seq 400); do printf '%d %0500d\\n' $n 0 >&2; [ $((n % 100)) != 0 ] || read on; done"
        spec = shell(f"read go; {loop}", fed=True, detached=True)

        def hear(line: str) -> None:
            lines.append(line)
            if len(lines) % 100 == 0:
                process.write(b"on\n")

        launcher = Launcher(marker, os.environ)
        async with asyncio.timeout(WITHIN), launcher.process(spec, line=hear) as process:
            process.write(b"go\n")
            await process.wait()

    before = set(os.listdir("/proc/self/fd"))
    asyncio.run(run())
    assert [int(line.split()[0]) for line in lines] == list(range(1, 401))
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_only_the_programs_of_the_run_are_swept(marker: str) -> None:
    """A sweep ends what carries the run's marker; another run's programs go on."""

    async def run() -> None:
        hear, ready = said(b"up")
        hear_other, ready_other = said(b"up")
        async with (
            Launcher(f"{marker}-other", os.environ).process(shell(STUBBORN, grace=0.05), ready_other, hear_other),
            Launcher(marker, os.environ).process(shell(STUBBORN), ready, hear) as swept,
        ):
            grown(marker)
            grown(f"{marker}-other")
            assert sweep(marker) >= 4
            assert await swept.wait() == "sh was killed by signal 9"
            assert len(programs(f"{marker}-other")) == 4
            assert sweep("a run that never was") == 0
        assert programs(marker) == programs(f"{marker}-other") == []

    asyncio.run(run())


PARENT = """
import asyncio, os, sys
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec

async def main():
    up = asyncio.Event()

    async def ready(_):
        await up.wait()

    spec = ProcessSpec(("sh", "-c", "echo up; while :; do sleep 300; done"))
    async with Launcher(sys.argv[1], os.environ).process(spec, ready, lambda output: up.set()):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def only(folder: Path, *names: str) -> str:
    """A PATH with nothing but these programs."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name) or name)
    return str(folder)


@pytest.mark.parametrize("machine", ["whole", "without setpriv", "with the setpriv of busybox"])
def test_a_program_dies_with_the_process_that_started_it(marker: str, tmp_path: Path, machine: str) -> None:
    """When the runner itself is killed, its programs go with it, without anybody to stop them."""
    command = [sys.executable, "-c", PARENT, marker]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    if machine != "whole":
        environment["PATH"] = only(tmp_path / "bin", "sh", "sleep")
    if machine == "with the setpriv of busybox":
        (tmp_path / "busybox").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "busybox").chmod(0o755)
        (tmp_path / "bin" / "setpriv").symlink_to(tmp_path / "busybox")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        (child,) = children(parent.pid, "sh")
        parent.kill()
    waited(lambda: not lives(child))
    sweep(marker)  # only the child itself is tied to its parent


def test_without_setpriv_a_program_that_cannot_be_run_says_the_same(marker: str, tmp_path: Path) -> None:
    """A program without its interpreter fails with a reason that a person can read."""
    path = only(tmp_path / "bin", "sh")
    (tmp_path / "bin" / "openbox").write_text("#!/no/such/interpreter\n")
    (tmp_path / "bin" / "openbox").chmod(0o755)

    async def run() -> None:
        completed = await Launcher(marker, {"PATH": path}).run(ProcessSpec(("openbox",)), timeout=WITHIN)
        assert completed.status == 1
        assert completed.lines == ("failed to execute openbox: No such file or directory",)
        spec = shell('test "$1" = "a b" && exit 7', "a b")
        assert (await Launcher(marker, {"PATH": path}).run(spec, timeout=WITHIN)).status == 7

    asyncio.run(run())
