"""Another user of the machine can do nothing to a run. A real second user tries it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import other_user
import pytest
from flow_processes import WITHIN, at_home, gone, waited
from other_user import OTHER, as_other, on_air, other_says
from run_programs import lives, living, program, programs

from retake_flow.studio import display as displays
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.processes.process import ProcessSpec
from retake_flow.studio.work_folder import work_folder

pytestmark = [pytest.mark.real, other_user.needed]


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


# Reads all that can be read in folders and of processes, and connects to all sockets that let it.
_INTRUDER = """
import json, os, socket, stat, sys
needles, (*folders,), pids = json.loads(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
got = []

def read(path):
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISSOCK(mode):
            socket.socket(socket.AF_UNIX).connect(path)
            got.append(["connected", path])
        elif stat.S_ISREG(mode):
            content = open(path, "rb").read(1 << 22)
            got.append(["read", path])
            got.extend(["secret", path] for needle in needles if needle.encode() in content)
    except OSError:
        pass

for folder in folders:
    for place, _, files in os.walk(folder):
        got.append(["listed", place])
        for name in files:
            read(os.path.join(place, name))
for pid in pids:
    for name in ("cmdline", "environ", "maps", "fd/0", "comm", "status"):
        read(f"/proc/{pid}/{name}")
print(json.dumps(got))
"""


def test_nothing_of_a_stream_on_air_is_another_users(marker: str, tmp_path: Path) -> None:
    """No file or socket can be opened, and the key, which ffmpeg pushes with, is in no command line."""

    async def run() -> None:
        with work_folder() as work:
            async with on_air(marker, work, tmp_path / "rehearsal") as (stage, key):
                assert stage.current_display.process.alive
                for name in ("Xvfb", "openbox", "xterm", "tail", "pulseaudio", "ffmpeg"):
                    await asyncio.to_thread(waited, partial(program, marker, name), name)
                ours = programs(marker)
                cookie = stage.current_display.authority.cookie
                assert cookie in stage.current_display.authority.ensure_file().read_bytes()
                asked = json.dumps([key]), json.dumps([str(work.path)]), json.dumps([one.pid for one in ours])
                got = json.loads(await asyncio.to_thread(other_says, _INTRUDER, *asked))
                pids = [one.pid for one in ours if lives(one)]
            read = {place for how, place in got if how == "read"}
            assert {f"/proc/{pid}/cmdline" for pid in pids} <= read  # or the test would prove nothing
            assert [found for found in got if found[0] in ("secret", "connected")] == []
            assert [place for _, place in got if place.startswith(str(work.path))] == []
        gone(marker)

    asyncio.run(run())


def test_another_user_sees_no_screen(marker: str) -> None:
    """Neither without a key, nor with one of its own, nor by the abstract address."""
    bare = "import socket, sys; socket.socket(socket.AF_UNIX).connect(chr(0) + sys.argv[1])"

    async def run() -> None:
        with work_folder() as work:
            launcher = Launcher(marker, os.environ)
            async with displays.open_display(launcher, work.path, "320x240") as display:
                ours = await launcher.run(ProcessSpec(("xdpyinfo",), environment=display.environment), WITHIN)
                assert ours.status == 0
                forged = "/tmp/" + secrets.token_hex(8)
                entry = ("xauth", "-f", forged, "add", display.name, "MIT-MAGIC-COOKIE-1", secrets.token_hex(16))
                grab = (
                    "ffmpeg",
                    "-v",
                    "error",
                    "-f",
                    "x11grab",
                    "-i",
                    display.name,
                    "-frames:v",
                    "1",
                    "-f",
                    "null",
                    "-",
                )
                try:
                    as_other(*entry)
                    assert Path(forged).stat().st_uid == OTHER
                    for authority in ("/nonexistent", str(display.authority.ensure_file()), forged):
                        for command in (("xdpyinfo",), grab):
                            seen = as_other(*command, DISPLAY=display.name, XAUTHORITY=authority)
                            assert seen.returncode != 0, command
                finally:
                    Path(forged).unlink(missing_ok=True)
                name = f"/tmp/.X11-unix/X{display.name[1:]}"
                refused = as_other(sys.executable, "-I", "-c", bare, name)
                assert "ConnectionRefusedError" in refused.stderr
                taken = as_other(sys.executable, "-I", "-c", bare.replace("connect", "bind"), name)
                assert "Address already in use" in taken.stderr
        gone(marker)

    asyncio.run(run())


_PLANT = """
import os, sys
for number in map(int, sys.argv[1:]):
    lock = f"/tmp/.X{number}-lock"
    try:
        if number % 3 == 0:
            os.mkfifo(lock)
        elif number % 3 == 1:
            open(f"/tmp/.tX{number}-lock", "x")
        else:
            os.symlink("/dev/zero", lock)
        print(number)
    except FileExistsError:
        pass
"""


def test_planted_locks_keep_no_display_from_opening(marker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes, links and files in the place of locks: their numbers are left alone, and another one is taken at once."""
    first = 100_000 + os.getpid() * 64
    monkeypatch.setattr(displays, "NUMBERS", range(first, first + 64))  # that no other test uses
    planted = [int(line) for line in other_says(_PLANT, *map(str, displays.NUMBERS)).split()]
    try:
        assert planted

        async def run() -> None:
            with work_folder() as work:
                launcher = Launcher(marker, os.environ)
                async with asyncio.timeout(WITHIN), displays.open_display(launcher, work.path, "64x64") as display:
                    assert int(display.name[1:]) not in planted

        asyncio.run(run())
    finally:
        for number in planted:
            for file in (Path(f"/tmp/.X{number}-lock"), Path(f"/tmp/.tX{number}-lock")):
                with suppress(FileNotFoundError):
                    if file.lstat().st_uid == OTHER:
                        file.unlink()
    gone(marker)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the other user may look into, as a home often is."""
    with tempfile.TemporaryDirectory(prefix="test-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_run_keeps_nothing_that_another_user_can_read(open_folder: Path) -> None:
    """Store, locks, credentials, recordings, pictures, reports, with any umask and home."""
    token = "rtk_" + secrets.token_hex(16)
    options = open_folder / "options.json"
    options.write_text(json.dumps({"agents": [{"name": "owl", "token": token, "user_id": "user_owl"}]}))
    options.chmod(0o600)
    before = os.umask(0)
    try:
        with at_home(
            open_folder / "home", MOLTBOOK_API_KEY="moltbook-key-1234", OPENAI_API_KEY="openai-key-1234"
        ) as home:
            where = ["--rehearsal-options", str(options), "--folder", str(home.folder / "rehearsed")]
            running = home.start("run", "go-live.yaml", "--rehearse", *where)
            running.on_air()
            ours = programs(running.run)
            with_keys = living(ours, lambda one: "-key-1234" in str(one.environ()))
            pids = [running.pid, *(one.pid for one in ours)]
            needles, folders = json.dumps([token, "-key-1234"]), json.dumps([str(open_folder)])
            during = json.loads(other_says(_INTRUDER, needles, folders, json.dumps(pids)))
            assert home.call("stop", running.run).code == 0
            assert running.finish() == 0
            after = json.loads(other_says(_INTRUDER, needles, folders, "[]"))
    finally:
        os.umask(before)
    assert with_keys == []
    kept = {file.relative_to(home.folder).parts[0] for file in home.folder.rglob("*") if file.is_file()}
    assert {"state", "rehearsed"} <= kept
    for got in (during, after):
        assert [found for found in got if found[0] in ("secret", "connected")] == []
        readable = {place for _, place in got if place.startswith(str(home.folder))}
        assert readable == {str(home.folder)}


def test_planted_folders_and_links_are_not_written_through(open_folder: Path) -> None:
    """A rehearsal refuses a folder that is theirs, and a link of theirs that leads into ours."""
    victim, trap, link = open_folder / "victim", open_folder / "trap", open_folder / "link"
    victim.mkdir()
    (victim / "report.json").write_text("precious")
    trap.mkdir()
    (trap / "report.json").symlink_to(victim / "report.json")
    (trap / "recordings").symlink_to(victim)
    link.symlink_to(victim)
    for path in (trap, link):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    with at_home(open_folder / "home") as home:
        for folder in (trap, link, link / "deeper"):
            alone = home.call("rehearsal", "--json", "--folder", str(folder))
            assert (alone.code, "it is another user's" in alone.out + alone.err) == (2, True), str(alone)
            driven = home.call("run", "go-live.yaml", "--rehearse", "--folder", str(folder), "--json")
            assert driven.code == 2, str(driven)
    assert [path.name for path in victim.iterdir()] == ["report.json"]
    assert (victim / "report.json").read_text() == "precious"
    assert {path.name for path in trap.iterdir()} == {"report.json", "recordings"}
