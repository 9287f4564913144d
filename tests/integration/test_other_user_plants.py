"""Obstacles of another user of the machine: links, pipes, folders, sockets and files of names that we use."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import other_user
import pytest
from flow_processes import Home, at_home, gone
from other_user import OTHER, other_says

from retake_flow.studio import display as displays
from retake_flow.studio.processes.launcher import Launcher
from retake_flow.studio.work_folder import work_folder

pytestmark = [pytest.mark.real, other_user.needed]


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder in which everybody may make files, as /tmp, and a victim of ours in it."""
    with tempfile.TemporaryDirectory(prefix="test-shared-") as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home with nothing in it."""
    with at_home(tmp_path / "home") as made:
        yield made


# Makes what its lines say: a kind, a path, and for links where they lead.
_PLANT = """
import os, sys
os.umask(0)
for line in sys.argv[1:]:
    kind, path, *to = line.split()
    if kind == "link":
        os.symlink(to[0], path)
    elif kind == "pipe":
        os.mkfifo(path, 0o666)
    elif kind == "folder":
        os.mkdir(path, 0o777)
    else:
        open(path, "x").write("theirs")
"""


_FLOW = """\
flow: show
initial: a
states:
  a: {wait: 10ms, transitions: {done: b}}
  b: {final: completed}
"""

# Listens at addresses, where `@` stands for an abstract one, until nobody holds its standard input.
_LISTEN = """
import socket, sys
servers = []
for name in sys.argv[1:]:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.bind(name.replace("@", chr(0)))
    except OSError:
        continue
    server.listen()
    servers.append(server)
    print(name, flush=True)
print("ready", flush=True)
sys.stdin.read()
"""


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder, with its mode; links are not followed."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        plain = path.is_file() and not path.is_symlink()
        found[str(path)] = (status.st_mode, path.read_bytes() if plain else b"")
    return found


def test_planted_working_folders_are_left_alone(shared: Path, home: Home) -> None:
    """Links to ours, pipes, files and folders of theirs, named like working folders, in a TMPDIR that all share."""
    precious = shared / "precious"
    precious.mkdir(mode=0o700)
    (precious / "kept").write_text("kept")
    names = [shared / f"retake-flow-aaaaaaa{number}" for number in range(5)]
    plants = [f"link {names[0]} {precious}", f"pipe {names[1]}", f"folder {names[2]}", f"file {names[3]}"]
    other_says(_PLANT, *plants, f"link {names[2]}/deep {precious}", f"link {names[4]} {precious}/kept")
    before = contents(shared)
    flow = home.folder / "show.yaml"
    flow.write_text(_FLOW)
    done = home.call("run", str(flow), "--json", TMPDIR=str(shared))
    assert done.code == 0, str(done)
    assert contents(shared) == before


def test_planted_sockets_are_not_taken_for_a_displays(marker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a path or abstract, and answering like those of a server: their numbers are left alone."""
    folder = Path("/tmp/.X11-unix")
    if not folder.is_dir() or not folder.stat().st_mode & 0o1000:
        pytest.skip("there is no folder for sockets that everybody shares")
    first = 100_000 + os.getpid() * 64
    numbers = range(first, first + 24)
    monkeypatch.setattr(displays, "NUMBERS", range(first, first + 64))  # that no other test uses
    names = [str(folder / f"X{n}") if n % 2 else f"@/tmp/.X11-unix/X{n}" for n in numbers]

    async def run() -> None:
        intruder = await asyncio.create_subprocess_exec(
            *("setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups"),
            *(sys.executable, "-I", "-c", _LISTEN, *names),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert intruder.stdin is not None
        assert intruder.stdout is not None
        taken = []
        try:
            while (line := (await intruder.stdout.readline()).decode().strip()) != "ready":
                taken.append(int(line.rpartition("X")[2]))
            assert taken == list(numbers)
            with work_folder() as work:
                async with displays.open_display(Launcher(marker, os.environ), work.path, "64x64") as display:
                    assert int(display.name[1:]) not in taken
        finally:
            intruder.stdin.close()
            await intruder.wait()
            for number in taken:
                path = folder / f"X{number}"
                with suppress(FileNotFoundError):
                    if path.lstat().st_uid == OTHER:
                        path.unlink()

    asyncio.run(run())
    gone(marker)


@pytest.fixture
def marker(request: pytest.FixtureRequest) -> str:
    """A run's id that nothing else on this machine uses."""
    return f"test-{os.getpid()}-{request.node.name}"


def test_no_store_is_written_through_what_another_user_planted(shared: Path, home: Home) -> None:
    """A link of theirs in the place of the store, and links and pipes in the place of what SQLite keeps beside it."""
    victim = home.folder / "victim"
    for number, plant in enumerate(
        ("link {store} {victim}", "link {store}-wal {victim}", "pipe {store}-shm", "folder {store}-wal")
    ):
        state = shared / f"state{number}"
        other_says(_PLANT, f"folder {state}")
        store = state / "runs.sqlite"
        victim.write_text("precious")
        victim.chmod(0o644)
        if "{store}-" in plant:
            with closing(sqlite3.connect(store)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("CREATE TABLE schema_version (version)")
        other_says(_PLANT, plant.format(store=store, victim=victim))
        done = home.call("gates", RETAKE_FLOW_STATE=str(state))
        assert done.code == 6, str(done)
        assert "belongs to another user" in done.err, str(done)
        assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("precious", 0o644)


def test_a_planted_folder_for_locks_does_not_keep_a_run_from_going_on(home: Home, shared: Path) -> None:
    """Whose folder it is, is looked at before anything is put in it; a run without locks is better than none."""
    other_says(_PLANT, f"folder {shared}/locks", f"link {shared}/locks/account-0 {home.folder}")
    home.state.mkdir(mode=0o700)
    (home.state / "locks").symlink_to(shared / "locks")
    before = contents(shared)
    where = ["--folder", str(home.folder / "rehearsed"), "--set", "size=320x240"]
    running = home.start("run", "go-live.yaml", "--rehearse", *where, "--for", "2s")
    assert running.finish() == 0
    assert contents(shared) == before


def test_a_socket_of_ours_that_another_user_listens_on_is_not_spoken_to(shared: Path) -> None:
    """The sound's socket is in a folder that nobody else can write, so nobody can be in its place."""
    with work_folder() as work:
        folder = work.ensure("sound")
        for place in (folder.parent, folder):
            assert place.stat().st_mode & 0o077 == 0
        bind = "import socket, sys\nsocket.socket(socket.AF_UNIX).bind(sys.argv[1])"
        ran = other_user.as_other(sys.executable, "-I", "-c", bind, str(folder / "native"))
        assert "PermissionError" in ran.stderr
        with closing(socket.socket(socket.AF_UNIX)) as ours:
            ours.bind(str(folder / "native"))
