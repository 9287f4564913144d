"""Real streams whose store is away, at full length: exits with 1 when a bound of docs/runs.md is broken.

A host is a set of namespaces with a way of its own to the database server, so this needs root, PostgreSQL's programs
and those of a stream. `--quick` takes a fifth of all times, with a lease to match.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from measure import add_quick

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

import httpx
import postgres_server
from cuttable_port import CuttablePort, leading_to
from flow_processes import Done, Home, RetakeTv, Running, command, numbered, retake_tv, waited
from recorded import last_time, longest_gap
from run_programs import program
from store_hosts import (
    OPTIONS,
    a_host,
    encoder,
    epoch,
    gone_after,
    journal,
    lease_until,
    on_host,
    runner_of,
)

from retake_flow.cli.main import COMMANDS

GO_LIVE = ("run", "go-live.yaml", "--set", "size=320x240")
#: What a command is called with; those in `WITHOUT_STORE` use none.
CALLED: dict[str, Sequence[str]] = {
    "run": ("discover.yaml",),
    "resume": ("{run}",),
    "answer": ("{run}", "url=x"),
    "gates": (),
    "runs": (),
    "show": ("{run}",),
    "watch": ("{run}",),
    "say": ("{run}", "hello"),
    "send": ("{run}", "raid"),
    "stop": ("{run}",),
    "prune": ("--older-than", "1d"),
    "status": ("{run}",),
    "wait": ("{run}", "--until", "end"),
    "events": ("{run}",),
    "chat": ("{run}",),
    "reply": ("{run}", "hello"),
    "screen": ("{run}", "title", "hello"),
    "scene": ("{run}", "brb"),
    "graph": ("--run", "{run}"),
    "kill": ("{run}",),
    "doctor": ("--offline",),
    "resume --all": (),
}
WITHOUT_STORE = {
    *("skill", "flows", "init", "check", "show-flow", "plan", "simulate", "test", "paths", "actions"),
    *("notify", "guide", "rehearsal"),
}
SERVERS = {"serve", "mcp"}
#: What goes on by itself, and is cut off in the middle.
FOLLOWING: dict[str, Sequence[str]] = {
    "watch": ("{run}",),
    "wait": ("{run}", "--until", "ended"),
    "events": ("{run}", "--after", "99999", "--wait", "40s"),
}


class Bounds:
    """Prints figures, and remembers which were beyond their bounds."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def at_most(self, what: str, seconds: float, most: float) -> None:
        """Seconds with an upper bound."""
        self.holds(f"{what}: {seconds:.2f} s (at most {most:g})", seconds <= most)

    def holds(self, what: str, good: bool) -> None:
        """Anything that has to be so."""
        print(f"    {'ok    ' if good else 'BROKEN'} {what}", flush=True)
        if not good:
            self.broken.append(what)


class Lab:
    """A retake.tv, a database server, and hosts with a way each to that server.

    Args:
        scale: The share of all times.
    """

    def __init__(self, stack: ExitStack, bounds: Bounds, scale: float) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
        self.bounds = bounds
        self.scale = scale
        self.lease = 35.0 * scale
        self._stack = stack
        self.tv: RetakeTv = stack.enter_context(retake_tv(self.folder / "tv", OPTIONS))
        programs = postgres_server.binaries()
        if programs is None:
            sys.exit("PostgreSQL's programs are not installed: apt install postgresql")
        self.server = stack.enter_context(postgres_server.a_server(programs))

    def host(self, name: str, **variables: str) -> tuple[Home, CuttablePort]:
        """A host, and its way to the database server."""
        network = self._stack.enter_context(leading_to(self.server.port))
        own = {"RETAKE_FLOW_STORE": self.server.over(network.port), "RETAKE_FLOW_LEASE": f"{self.lease:g}s"}
        return self._stack.enter_context(a_host(self.folder / name, self.tv, **own, **variables)), network

    def recording(self) -> Path:
        """The newest recording of a stream."""
        return max((self.folder / "tv").rglob("*.flv"), key=lambda path: path.stat().st_mtime)


def sleep_for(seconds: float) -> None:
    """The length of an outage."""
    time.sleep(seconds)


def longest_block(running: Running) -> float:
    """For how long the event loop has stood still at most, as asyncio has told in its debug mode."""
    return max((float(found) for found in re.findall(r"took ([\d.]+) seconds", running.err)), default=0.0)


def outages(lab: Lab) -> None:
    """A server that is restarted, away, refuses and is silent: nothing is to be seen of it."""
    home, network = lab.host("outages", PYTHONASYNCIODEBUG="1")
    running = on_host(home, *GO_LIVE)
    running.on_air()
    recording, began = lab.recording(), encoder(running.run)
    kinds: list[tuple[str, float, Callable[[], None], Callable[[], None]]] = [
        ("restarted", 1.0, lab.server.stop, lab.server.start),
        ("away", 15.0, lab.server.stop, lab.server.start),
        ("connections reset", 15.0, lambda: network.cut("refused"), network.mend),
        ("packets vanish", 15.0, lambda: network.cut("silent"), network.mend),
    ]
    for name, seconds, cut, mend in kinds:
        print(f"  {name} for {seconds * lab.scale:g} s", flush=True)
        known, video = len(running.err), last_time(recording)
        cut()
        sleep_for(seconds * lab.scale)
        mend()
        before = len(journal(lab.server, running.run))
        mended = time.monotonic()
        waited(lambda before=before: len(journal(lab.server, running.run)) > before + 1, "the journal to go on")
        lab.bounds.at_most("written down again after", time.monotonic() - mended, 5.0)
        blocks = [float(found) for found in re.findall(r"took ([\d.]+) seconds", running.err[known:])]
        lab.bounds.at_most("the event loop was blocked for", max(blocks, default=0.0), 3.5)
        same = (encoder(running.run).pid, epoch(lab.server, running.run)) == (began.pid, 1)
        lab.bounds.holds(f"same encoder and epoch, {last_time(recording) - video:.1f} s of video", same)
    end_in_order(lab, running)
    lab.bounds.at_most("longest gap in the video", longest_gap(recording, "v"), 1.0)


def end_in_order(lab: Lab, running: Running) -> None:
    """Stop a run, and hold its journal against its output."""
    runner_of(running).send_signal(signal.SIGTERM)
    lab.bounds.holds("it ends in order", running.finish() == 130)
    heard, stored = numbered(running.records), journal(lab.server, running.run)
    lab.bounds.holds(f"{len(stored)} records, {len(heard)} in the output", stored == heard)


def commands(lab: Lab) -> None:
    """Packets vanish: every command gives up, and SIGTERM is heeded."""
    assert set(COMMANDS) == {*WITHOUT_STORE, *SERVERS, *CALLED} - {"resume --all"}, set(COMMANDS)
    home, network = lab.host("commands")
    away, way = lab.host("away")
    running = on_host(home, *GO_LIVE)
    running.on_air()
    way.cut("silent")
    for name, words in CALLED.items():
        asked = time.monotonic()
        done = call(away, *name.split(), *(word.format(run=running.run) for word in words))
        seconds = time.monotonic() - asked
        said = done.out + done.err
        advised = "cannot be reached" in said and "see whether the database server runs" in said
        lab.bounds.holds(f"{name}: exit code {done.code}", advised and done.code == 6)
        lab.bounds.at_most(f"{name} gave up after", seconds, 5.0)
        if not advised:
            print(done)
    way.mend()
    following(lab, away, way, running.run)
    way.mend()
    page(lab, away, way, running.run)
    way.cut("silent")
    tools(lab, away, running.run)
    network.cut("silent")
    sleep_for(1.0)
    runner_of(running).send_signal(signal.SIGTERM)
    asked = time.monotonic()
    running.until("stop_requested")
    lab.bounds.at_most("SIGTERM was heeded after", time.monotonic() - asked, 4.0)
    network.mend()
    lab.bounds.holds("it ends in order", running.finish() == 130)


def following(lab: Lab, home: Home, way: CuttablePort, run: str) -> None:
    """Commands that are at work when packets vanish give up too."""
    started = {
        name: subprocess.Popen(
            command(name, *(word.format(run=run) for word in words)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=home.environment,
        )
        for name, words in FOLLOWING.items()
    }
    sleep_for(3.0)
    way.cut("silent")
    cut = time.monotonic()
    while started and time.monotonic() < cut + 20:
        for name, process in list(started.items()):
            if process.poll() is not None:
                _, err = started.pop(name).communicate()
                lab.bounds.holds(f"{name}, at work: exit code {process.returncode}", "cannot be reached" in err)
                lab.bounds.at_most(f"{name}, at work, gave up after", time.monotonic() - cut, 5.0)
        sleep_for(0.05)
    for name, process in started.items():
        lab.bounds.holds(f"{name}, at work, has not given up", False)
        process.kill()
        process.communicate()


def page(lab: Lab, home: Home, way: CuttablePort, run: str) -> None:
    """The operator's page says it, to all who ask at once."""
    with subprocess.Popen(
        command("serve", "--port", "0"), stdout=subprocess.PIPE, text=True, env=home.environment
    ) as process:
        try:
            assert process.stdout is not None
            address, _, token = process.stdout.readline().strip().partition("/enter?token=")
            client = httpx.Client(base_url=address, trust_env=False, timeout=20, follow_redirects=True)
            assert client.get("/enter", params={"token": token}).status_code == 200
            assert client.get(f"/runs/{run}").status_code == 200
            way.cut("silent")
            for _ in range(2):
                with ThreadPoolExecutor(4) as pool:
                    asked = time.monotonic()
                    for path in ("/?kind=ended", f"/runs/{run}", f"/runs/{run}", "/?kind=live"):
                        pool.submit(client.get, path).add_done_callback(partial(answered, lab, path, asked))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def answered(lab: Lab, path: str, asked: float, answer: Future[httpx.Response]) -> None:
    """Hold how a page answered."""
    found = answer.result()
    lab.bounds.holds(f"{path}: {found.status_code}", found.status_code == 503 and "cannot be reached" in found.text)
    lab.bounds.at_most(f"{path} was answered after", time.monotonic() - asked, 5.0)


def tools(lab: Lab, home: Home, run: str) -> None:
    """A tool of the MCP server says it."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    async def ask() -> None:
        started = StdioServerParameters(command=sys.executable, args=["-m", "retake_flow", "mcp"], env=home.environment)
        async with Client(stdio_client(started)) as client:
            asked = time.monotonic()
            found = await client.call_tool("stream_status", {"run": run})
            said = str(found.content)
            lab.bounds.holds("mcp: an error of the tool", found.is_error and "cannot be reached" in said)
            lab.bounds.at_most("mcp gave up after", time.monotonic() - asked, 5.0)
            if "cannot be reached" not in said:
                print(said)

    asyncio.run(ask())


def call(home: Home, *arguments: str) -> Done:
    """A command that is killed when it hangs; unlike `Home.call`, it takes no time to look at the output."""
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=home.environment
    )
    try:
        out, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    return Done(process.returncode, out, err)


def taken_by(lab: Lab, home: Home, run: str, found: list[Running], over: threading.Event) -> None:
    """Try to take a run again and again, until that succeeds."""
    while not over.is_set():
        running = on_host(home, "resume", run)
        while running.process.poll() is None:
            if any(record["event"] == "run_resumed" for record in running.records):
                found.append(running)
                return
            sleep_for(0.01)


@contextmanager
def waiting_host(lab: Lab, home: Home, run: str) -> Iterator[Callable[[], Running]]:
    """Another host that waits for a run; gives what returns its process once it has the run."""
    found: list[Running] = []
    over = threading.Event()
    thread = threading.Thread(target=taken_by, args=[lab, home, run, found, over])
    thread.start()
    try:
        yield lambda: waited(lambda: next(iter(found), None), "the other host to take the run")
    finally:
        over.set()
        thread.join()


def takeovers(lab: Lab) -> None:
    """Away for longer than a host may go on: it ends in time, and another one takes the run, never both at once."""
    for number, (name, alone) in enumerate([("one host is cut off", True), ("the server is away", False)]):
        seconds = 40.0 * lab.scale
        print(f"  {name} for {seconds:g} s, another host is ready", flush=True)
        one, network = lab.host(f"takeover{number}a")
        two, _ = lab.host(f"takeover{number}b")
        first = on_host(one, *GO_LIVE)
        first.on_air()
        old = encoder(first.run)
        with waiting_host(lab, two, first.run) as taker:
            sleep_for(3.0)
            network.cut("silent") if alone else lab.server.stop()
            cut = time.monotonic()
            sleep_for(0.5)
            until = lease_until(lab.server, first.run) - time.time() + time.monotonic() if alone else 0.0
            gone_after(old)
            ended = time.monotonic() - cut
            lab.bounds.at_most("its encoder was gone after", ended, 25 * lab.scale + 1)
            if not alone:
                sleep_for(cut + seconds - time.monotonic())
                lab.server.start()
            second = taker()
            taken = time.monotonic()
            if alone:
                lab.bounds.holds(
                    f"taken {taken - until:.2f} s after the end of its lease, {taken - cut:.2f} s after the cut",
                    taken >= until,
                )
            else:
                lab.bounds.holds(f"taken {taken - cut:.2f} s after the cut", taken > cut + ended)
        second.on_air()
        new = encoder(first.run)
        overlap = cut + ended - (new.create_time() - time.time() + time.monotonic())
        lab.bounds.holds(f"{-overlap:.1f} s without an encoder", overlap < 0)
        lab.bounds.holds("the first ended with 6", first.finish() == 6)
        network.mend()
        runner_of(second).send_signal(signal.SIGTERM)
        lab.bounds.holds("the second ends in order", second.finish() == 130)
        lab.bounds.holds("one claim each", epoch(lab.server, first.run) == 2)


def sleepers(lab: Lab) -> None:
    """A host that sleeps past its lease: another one takes the run, and the sleeper leaves the new session alone."""
    for number, database in enumerate(["with", "without"]):
        print(f"  stopped for {40 * lab.scale:g} s, wakes {database} a database", flush=True)
        one, network = lab.host(f"sleeper{number}a")
        two, _ = lab.host(f"sleeper{number}b")
        first = on_host(one, *GO_LIVE)
        first.on_air()
        sleeper, old = runner_of(first), encoder(first.run)
        with waiting_host(lab, two, first.run) as taker:
            sleeper.send_signal(signal.SIGSTOP)
            asleep = time.monotonic()
            second = taker()
            print(f"    taken after {time.monotonic() - asleep:.1f} s")
        second.on_air()
        with suppress(ValueError):
            sleep_for(asleep + 40 * lab.scale - time.monotonic())
        if database == "without":
            network.cut("silent")
        sleeper.send_signal(signal.SIGCONT)
        awake = time.monotonic()
        lab.bounds.at_most("the sleeper's encoder was gone after", gone_after(old), 1.0)
        code = first.finish()
        print(f"    everything of the sleeper was gone after {time.monotonic() - awake:.2f} s")
        lab.bounds.holds(f"the sleeper's exit code is {code}", code in (5, 6))
        if code not in (5, 6):
            print(*first.records[-12:], first.err[-2000:], sep="\n")
        known = len(second.records)
        waited(lambda known=known, second=second: len(second.records) > known + 3, "the second to go on")
        sessions = [session["ended_by"] for session in lab.tv.agent("owl")["sessions"]]
        lab.bounds.holds("the new session goes on", sessions[-1] is None)
        network.mend()
        runner_of(second).send_signal(signal.SIGTERM)
        lab.bounds.holds("the second ends in order", second.finish() == 130)


def namesakes(lab: Lab) -> None:
    """Two hosts of one name: neither takes what lives; when one loses its power, the other takes its run by itself."""
    one, _ = lab.host("namesake_a")
    two, _ = lab.host("namesake_b")
    first = on_host(one, *GO_LIVE)
    first.on_air()
    for words in (("resume", first.run), ("resume", "--all"), GO_LIVE, ("kill", first.run, "--within", "1s")):
        code = on_host(two, *words).finish()
        if words[0] != "kill":
            lab.bounds.holds(f"{words[0]} elsewhere: exit code {code}", code == 5 or words[-1] == "--all")
            lab.bounds.holds("it goes on", program(first.run, "ffmpeg", "flv") is not None)
            continue
        first.finish()  # anybody may end it
    first = on_host(one, *GO_LIVE)
    first.on_air()
    old = encoder(first.run)
    with waiting_host(lab, two, first.run) as taker:
        sleep_for(3.0)
        until = lease_until(lab.server, first.run)
        first.kill()
        lost = time.monotonic()
        second = taker()
        lab.bounds.holds(f"taken {time.monotonic() - lost:.1f} s after a power cut", time.time() >= until - 2)
    second.on_air()
    lab.bounds.holds("the old encoder is gone", not old.is_running())
    runner_of(second).send_signal(signal.SIGTERM)
    lab.bounds.holds("the second ends in order", second.finish() == 130)


def files(lab: Lab) -> None:
    """SQLite that is locked, on a full disk, or in a folder that is read-only."""
    disk = lab.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(disk)], check=True)
    try:
        own = {"RETAKE_FLOW_STATE": str(disk / "state"), "PYTHONASYNCIODEBUG": "1"}
        with a_host(lab.folder / "files", lab.tv, **own) as home:
            for name, seconds, trouble in (
                ("locked", 25.0, locked),
                ("disk full", 60.0, full),
                ("read-only", 60.0, read_only),
            ):
                print(f"  {name} for {seconds * lab.scale:g} s", flush=True)
                one_trouble(lab, home, seconds * lab.scale, trouble(home.state))
    finally:
        subprocess.run(["umount", "-R", str(disk)], check=True)


def one_trouble(lab: Lab, home: Home, seconds: float, trouble: contextmanager[None]) -> None:  # type: ignore[valid-type]
    """A stream whose store is in trouble for a while."""
    running = home.start(*GO_LIVE)
    running.on_air()
    recording, began, row = lab.recording(), encoder(running.run), home.row()
    with trouble:  # type: ignore[attr-defined]
        video, known = last_time(recording), len(running.records)
        sleep_for(seconds)
        went = last_time(recording) - video
        lab.bounds.holds(f"{went:.1f} s of video, {len(running.records) - known} records", went > seconds - 3)
    before = len(home.journal(running.run))
    waited(lambda: len(home.journal(running.run)) > before + 1, "the journal to go on")
    same = (encoder(running.run).pid, home.row()["epoch"]) == (began.pid, row["epoch"])
    lab.bounds.holds("same encoder and epoch", same)
    running.process.send_signal(signal.SIGTERM)
    lab.bounds.holds("it ends in order", running.finish() == 130)
    heard, stored = numbered(running.records), home.journal(running.run)
    lab.bounds.holds(f"{len(stored)} records, {len(heard)} in the output", stored == heard)
    lab.bounds.at_most("the event loop was blocked for", longest_block(running), 3.5)
    print("    told:", [r["message"] for r in heard if r["event"] == "notice" and r.get("kind") == "store"])


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Another program writes and does not end."""
    with closing(sqlite3.connect(state / "runs.sqlite", timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def full(state: Path) -> Iterator[None]:
    """Something else takes all space, and whatever becomes free."""
    ballast, over = state.parent / "ballast", threading.Event()

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            while not over.is_set():
                with suppress(OSError):
                    file.write(b"x" * 512)
                    continue
                over.wait(0.2)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        ballast.unlink()


@contextmanager
def read_only(state: Path) -> Iterator[None]:
    """The disk is read-only, as after an error."""
    subprocess.run(["mount", "-o", "remount,ro", str(state.parent)], check=False, capture_output=True)
    busy = os.access(state, os.W_OK)
    if busy:  # somebody has a file open for writing
        subprocess.run(["mount", "--bind", str(state), str(state)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(state)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(state)] if busy else ["mount", "-o", "remount,rw", str(state.parent)], check=True)


def stopped(lab: Lab) -> None:
    """The runner is stopped for a minute: the video goes on."""
    seconds = 60.0 * lab.scale
    with a_host(lab.folder / "stopped", lab.tv) as home:
        running = home.start(*GO_LIVE)
        running.on_air()
        recording, began = lab.recording(), encoder(running.run)
        before = last_time(recording)
        running.process.send_signal(signal.SIGSTOP)
        sleep_for(seconds)
        after = last_time(recording)
        running.process.send_signal(signal.SIGCONT)
        sleep_for(3.0)
        lab.bounds.holds("same encoder", encoder(running.run).pid == began.pid)
        running.process.send_signal(signal.SIGTERM)
        lab.bounds.holds("it ends in order", running.finish() == 130)
        frames = count_frames(recording, before, after)
        rate = frames / (after - before)
        lab.bounds.holds(f"{after - before:.1f} s of video, {frames} frames, {rate:.1f} a second", rate > 29)
        lab.bounds.at_most("longest gap in the video", longest_gap(recording, "v"), 1.0)


def count_frames(recording: Path, since: float, until: float) -> int:
    """How many frames a recording has between two of its seconds."""
    show = ("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "json")
    found = json.loads(subprocess.run([*show, str(recording)], capture_output=True, text=True, check=True).stdout)
    return sum(since <= float(packet["pts_time"]) < until for packet in found["packets"])


SCENES = {scene.__name__: scene for scene in (outages, commands, takeovers, sleepers, namesakes, files, stopped)}


def play(arguments: Sequence[str]) -> int:
    """Play the scenes; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SCENES, default=list(SCENES), metavar="SCENE")
    add_quick(parser)
    args = parser.parse_args(arguments)
    bounds = Bounds()
    for name in args.only:
        print(f"{name}: {SCENES[name].__doc__}", flush=True)
        with ExitStack() as stack:
            SCENES[name](Lab(stack, bounds, 0.2 if args.quick else 1.0))
    print(f"{len(bounds.broken)} bounds broken", *bounds.broken, sep="\n    ")
    return 1 if bounds.broken else 0


if __name__ == "__main__":
    sys.exit(play(sys.argv[1:]))
