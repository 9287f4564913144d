"""All that another user of the machine can read, open and ask while a real run streams: searched for what is ours."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import other_user
import psutil
import pytest
from flow_processes import Running, at_home, waited
from other_user import other_says
from run_programs import programs

pytestmark = [pytest.mark.real, other_user.needed]

# Reads every file in some folders, all that /proc says of all processes, and all System V shared memory; asks every
# port on loopback and every socket of the run for its answer. Says where the needles are, and what it got at all.
_SWEEP = """
import ctypes, json, os, socket, stat, sys
needles = [bytes.fromhex(each) for each in json.loads(sys.argv[1])]
folders, ports, sockets = map(json.loads, sys.argv[2:])
found, got = [], {"files": 0, "processes": 0, "segments": 0, "answers": 0, "sockets": []}

def search(place, content):
    for number, needle in enumerate(needles):
        if needle in content:
            found.append([number, place])

def read(place, kind, most=1 << 22):
    try:
        with open(place, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            search(place, file.read(most))
        got[kind] += 1
    except OSError:
        pass

for folder in folders:
    for place, _, names in os.walk(folder):
        search(place, os.fsencode(place))
        for name in names:
            path = os.path.join(place, name)
            search(path, os.fsencode(path))
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    read(path, "files")
            except OSError:
                pass

for pid in filter(str.isdecimal, os.listdir("/proc")):
    if int(pid) == os.getpid():
        continue
    for name in ("cmdline", "environ", "maps", "stat", "status", "mountinfo", "net/unix"):
        read(f"/proc/{pid}/{name}", "processes")
    try:
        for handle in os.listdir(f"/proc/{pid}/fd"):
            read(f"/proc/{pid}/fd/{handle}", "processes")
    except OSError:
        pass

libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for line in open("/proc/sysvipc/shm").read().splitlines()[1:]:
    _, number, _, size, *_ = line.split()
    address = libc.shmat(int(number), None, 0o10000)
    if address != ctypes.c_void_p(-1).value:
        got["segments"] += 1
        search(f"segment {number}", ctypes.string_at(address, int(size)))
        libc.shmdt(ctypes.c_void_p(address))

def ask(server, said, place):
    server.settimeout(2)
    try:
        server.sendall(said)
        content = b""
        while len(content) < 1 << 22 and (more := server.recv(1 << 16)):
            content += more
    except OSError:
        pass
    got["answers"] += bool(content)
    search(place, content)

for port in ports:
    for path in ("/", "/_rehearsal/report", "/_rehearsal/agents", "/api/v1/agent/stream/status", "/_rehearsal/"):
        try:
            server = socket.create_connection(("127.0.0.1", port), 2)
        except OSError:
            continue
        with server:
            lines = f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", "", ""
            ask(server, "\\r\\n".join(lines).encode(), f"{port}{path}")

hello = bytes([108, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0])  # of the X protocol, without a cookie
for name in sockets:
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(2)
        try:
            server.connect(name.replace("@", chr(0), 1) if name[0] == "@" else name)
            server.sendall(hello)
            if server.recv(1) == b"\\x01":
                got["sockets"].append(name)
        except OSError:
            pass
print(json.dumps([found, got]))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the other user may look into, as a home often is."""
    with tempfile.TemporaryDirectory(prefix="test-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def decoy() -> Iterator[str]:
    """A secret badly kept in each way, and a server that answers everyone; else the sweep would prove nothing."""
    word = "decoy-" + secrets.token_hex(8)
    share = (
        "import ctypes, socket, sys, threading; libc = ctypes.CDLL(None); libc.shmat.restype = ctypes.c_void_p;"
        "number = libc.shmget(0, 4096, 0o1777); address = libc.shmat(number, None, 0); libc.shmctl(number, 0, None);"
        "ctypes.memmove(address, sys.argv[1].encode(), len(sys.argv[1]));"
        "server = socket.socket(socket.AF_UNIX); server.bind(chr(0) + sys.argv[1]); server.listen();"
        "answer = lambda one: (one.recv(12), one.sendall(bytes([1])));"
        "serve = lambda: [answer(one) for one, _ in iter(server.accept, None)];"
        "threading.Thread(target=serve, daemon=True).start(); print('ready', flush=True); sys.stdin.read()"
    )
    with tempfile.NamedTemporaryFile("w", prefix="test-decoy-") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(word)
        file.flush()
        command = [sys.executable, "-c", share, word]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            yield word
            process.stdin.close()


def cookies(running: Running) -> list[bytes]:
    """The cookies of the displays of a run, from where their programs find them."""
    found = []
    for one in programs(running.run):
        with suppress(psutil.Error, KeyError, FileNotFoundError):  # one that has ended meanwhile
            found.append(Path(one.environ()["XAUTHORITY"]).read_bytes()[-16:])
    return list(dict.fromkeys(found))


def screens(running: Running) -> set[str]:
    """The sockets of the displays of a run."""
    found = set()
    for one in programs(running.run):
        with suppress(psutil.Error, KeyError):
            found.add(f"/tmp/.X11-unix/X{one.environ()['DISPLAY'].removeprefix(':')}")
    return found


def listening(running: Running) -> list[int]:
    """The ports on which a run and its programs listen, all of them on loopback."""
    pids = {running.pid, *(program.pid for program in programs(running.run))}
    found = [each.laddr for each in psutil.net_connections("inet") if each.status == "LISTEN" and each.pid in pids]
    assert {address.ip for address in found} <= {"127.0.0.1", "::1"}
    return sorted({address.port for address in found})


def sockets(running: Running) -> list[str]:
    """The names of the sockets of a run and its programs; an abstract one begins with `@`."""
    pids = {running.pid, *(program.pid for program in programs(running.run))}
    return sorted({each.laddr for each in psutil.net_connections("unix") if each.pid in pids and each.laddr})


def sweep(
    needles: list[bytes], ports: list[int], sockets: list[str], *folders: Path
) -> tuple[list[tuple[int, str]], dict[str, Any]]:
    """Where the other user finds which needle, and what that user got at all."""
    places = [*map(str, folders), tempfile.gettempdir(), "/dev/shm", "/run", "/var/tmp"]
    asked = ([each.hex() for each in needles], places, ports, sockets)
    found, got = json.loads(other_says(_SWEEP, *map(json.dumps, asked)))
    return [(number, place) for number, place in found], got


def test_nothing_of_a_run_on_air_is_found_anywhere(open_folder: Path, decoy: str) -> None:
    """Neither token, nor keys, nor the display's cookie, with umask 000 and an open home; on air and afterwards."""
    token, hidden = "rtk_" + secrets.token_hex(16), "hidden-" + secrets.token_hex(8)
    options = open_folder / "options.json"
    options.touch(0o600)
    options.write_text(json.dumps({"agents": [{"name": "owl", "token": token, "user_id": "user_owl"}]}))
    before = os.umask(0)
    try:
        with at_home(open_folder / "home", MOLTBOOK_API_KEY=hidden, OPENAI_API_KEY=hidden) as home:
            rehearsed = home.folder / "rehearsed"
            where = ["--rehearsal-options", str(options), "--folder", str(rehearsed)]
            running = home.start("run", "go-live.yaml", "--rehearse", *where)
            running.on_air()
            kept = rehearsed / ".rehearsal.json"
            keys = waited(lambda: kept.exists() and json.loads(kept.read_text())["agents"][0]["spent_keys"], "a key")
            assert len(cookies(running)) == 1
            needles = [decoy.encode(), token.encode(), hidden.encode()]
            needles += [*map(str.encode, keys), *cookies(running)]
            ports = listening(running)
            assert len(ports) >= 2  # of the API and of the ingest
            asked = [*sockets(running), f"@{decoy}"]
            assert screens(running) & set(asked)
            during, got = sweep(needles, ports, asked, open_folder)
            assert home.call("say", running.run, "still here", "--screen").code == 0
            running.process.terminate()
            running.finish()
            after, _ = sweep(needles, [], [], open_folder)
    finally:
        os.umask(before)
    # The decoy shows that a badly kept secret is found, in each way.
    decoyed = [place for number, place in during if number == 0]
    for way in ("test-decoy-", "/cmdline", "segment "):
        assert any(way in place for place in decoyed), way
    assert min(got["files"], got["processes"], got["segments"], got["answers"]) > 0
    assert [each for each in (*during, *after) if each[0] > 0] == []
    assert got["sockets"] == [f"@{decoy}"]
