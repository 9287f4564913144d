"""The screen of a stream on air, as another user of the machine tries to see it and to type on it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import other_user
import pytest
from flow_processes import WITHIN, gone, waited
from other_user import on_air, other_says
from run_programs import programs

from retake_flow.studio import picture
from retake_flow.studio.display import open_display
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.studio.work_folder import work_folder

pytestmark = [pytest.mark.real, other_user.needed]


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


# Attaches every segment of System V shared memory for reading, as `ipcs -m` lists them; says who made those it got.
_ATTACH = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
got = []
for line in open("/proc/sysvipc/shm").read().splitlines()[1:]:
    _, number, _, _, maker, last, *_ = line.split()
    address = libc.shmat(int(number), None, 0o10000)
    if address != ctypes.c_void_p(-1).value:
        got.append([int(maker), int(last)])
        libc.shmdt(ctypes.c_void_p(address))
print(json.dumps(got))
"""

# As x11grab does it: a segment that anybody may attach.
_SHARE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
number = libc.shmget(0, 4096, 0o1777)
print(number, os.strerror(ctypes.get_errno()), flush=True)
if number >= 0:
    libc.shmat(number, None, 0)
    libc.shmctl(number, 0, None)
    sys.stdin.read()
"""


def test_no_frame_is_in_memory_that_another_user_can_attach(marker: str, tmp_path: Path) -> None:
    """While ffmpeg pushes, and also while pictures are taken; the same attempt succeeds on a segment like x11grab's."""

    async def run() -> None:
        sharing = ProcessSpec((sys.executable, "-I", "-c", _SHARE), fed=True)
        shared = asyncio.Event()
        with work_folder() as work:
            async with (
                on_air(marker, work, tmp_path / "rehearsal") as _,
                Launcher(marker, os.environ).process(sharing, lambda _: shared.wait(), lambda _: shared.set()) as prey,
            ):
                ours = {program.pid for program in programs(marker)}
                got = json.loads(await asyncio.to_thread(other_says, _ATTACH))
                assert [prey.pid, prey.pid] in got  # or the test would prove nothing
                assert [pair for pair in got if ours & set(pair) - {prey.pid}] == []

    asyncio.run(run())


@pytest.mark.parametrize("folder", ["whole", "without setpriv"])
def test_programs_that_take_pictures_may_share_no_memory(
    marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """The kernel refuses it, with setpriv or without, as root or as a user, also to the program's children."""
    if folder != "whole":
        monkeypatch.setenv("PATH", str(tmp_path))
    inner = f"import subprocess, sys; subprocess.run([{sys.executable!r}, '-I', '-c', {_SHARE!r}], stdin=-3)"
    user = f"import ctypes, os; os.setgid({other_user.OTHER}); os.setuid({other_user.OTHER})\n"

    async def said(script: str, shares_memory: bool) -> str:
        spec = ProcessSpec((sys.executable, "-I", "-c", script), shares_memory=shares_memory)
        done = await Launcher(marker, os.environ).run(spec, WITHIN)
        return done.stdout.decode().split(" ", 1)[-1].strip() if done.status == 0 else done.ending

    for script in (_SHARE, inner, user + _SHARE):
        assert asyncio.run(said(script, True)) == "Success"
        assert asyncio.run(said(script, False)) == "Operation not permitted"


def test_pictures_are_taken_without_shared_memory(marker: str) -> None:
    """The screenshot, the look at a display, and the encoder are what takes pictures."""
    specs: list[Any] = []

    class Noting(Launcher):
        async def run(self, spec: ProcessSpec, timeout: float) -> Any:
            specs.append(spec)
            return await super().run(spec, timeout)

    async def run() -> None:
        launcher = Noting(marker, os.environ)
        with work_folder() as work:
            async with open_display(launcher, work.path, "320x240") as display:
                shot = await picture.take_screenshot(launcher, display, work.path, 500_000)
                assert shot.black
                assert (await picture.capture(launcher, picture.of_display(display.environment, "320x240"))).black

    asyncio.run(run())
    seeing = [spec for spec in specs if "XAUTHORITY" in spec.environment]
    assert [spec.name for spec in seeing] == ["scrot", "ffmpeg"]
    assert not any(spec.shares_memory for spec in seeing)


# Speaks the X protocol (version 11.0, little endian) over a display's socket: comes in with a cookie or without, and
# has the extension XTEST press and release the key of a code.
_TYPE = """
import socket, struct, sys
display, cookie, code = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3])
name = b"MIT-MAGIC-COOKIE-1" if cookie else b""
pad = lambda text: text + bytes(-len(text) % 4)
with socket.socket(socket.AF_UNIX) as server:
    server.settimeout(100)
    server.connect(f"/tmp/.X11-unix/X{display}")
    server.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie)) + pad(name) + pad(cookie))
    stream = server.makefile("rb")
    head = stream.read(8)
    stream.read(4 * struct.unpack("<6xH", head)[0])
    if head[0] != 1:
        print("refused")
        sys.exit()
    server.sendall(struct.pack("<BxHHxx", 98, 4, 5) + pad(b"XTEST"))
    major = stream.read(32)[9]
    for kind in (2, 3):
        server.sendall(struct.pack("<BBHBBxxIIxxxxxxxxhhxxxxxxxx", major, 2, 9, kind, code, 0, 0, 0, 0))
    server.sendall(struct.pack("<BxH", 43, 1))  # the focus, whose reply shows that all before has been done
    while (answer := stream.read(32)) and answer[0] > 1:
        pass  # what happens to the keyboard
    print("typed" if answer[0] == 1 else answer)
"""


def test_another_user_types_nothing(marker: str) -> None:
    """Neither without a cookie, nor with a wrong, a short or a long one, nor one of another display of ours."""

    async def run() -> None:
        launcher = Launcher(marker, os.environ)
        with work_folder() as work:
            async with (
                open_display(launcher, work.path, "320x240") as display,
                open_display(launcher, work.path, "320x240") as second,
            ):
                number, cookie = display.name[1:], display.authority.cookie
                typed = await launcher.run(
                    ProcessSpec((sys.executable, "-I", "-c", _TYPE, number, cookie.hex(), "38")), WITHIN
                )
                assert typed.stdout == b"typed\n", typed  # or the test would prove nothing
                wrong = [secrets.token_bytes(16), cookie[:15], cookie + b"\0", bytes(16), second.authority.cookie]
                for tried in (b"", *wrong):
                    assert other_says(_TYPE, number, tried.hex(), "38") == "refused", tried
        gone(marker)

    asyncio.run(run())


# Opens each place for writing and says which it got.
_OPEN = """
import sys
for place in sys.argv[1:]:
    try:
        open(place, "r+b", 0)
        print(place)
    except OSError:
        pass
"""


def open_files(run: str) -> dict[str, str]:
    """Where each open file of the programs of a run leads, by its place in /proc."""
    found = {}
    for one in programs(run):
        with suppress(OSError):  # programs end, and close files
            for file in Path(f"/proc/{one.pid}/fd").iterdir():
                with suppress(OSError):
                    found[str(file)] = os.readlink(file)
    return found


def terminals(files: Mapping[str, str]) -> set[str]:
    """The pseudo terminals among some open files."""
    return {file for file in files.values() if file.startswith("/dev/pts/")}


def test_another_user_writes_to_no_terminal_of_the_stream(marker: str, tmp_path: Path) -> None:
    """The content window's pseudo terminal takes nothing from others, and none of its programs' pipes does."""

    async def run() -> None:
        with work_folder() as work:
            async with on_air(marker, work, tmp_path / "rehearsal"):
                await asyncio.to_thread(waited, lambda: terminals(open_files(marker)), "the window's terminal")
                files = open_files(marker)
                opened = await asyncio.to_thread(other_says, _OPEN, *terminals(files), *files)
                assert opened.split() == []
                assert "/dev/null" in other_says(_OPEN, "/dev/null")

    asyncio.run(run())
