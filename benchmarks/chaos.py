"""An hour on air in which something goes wrong every twenty seconds, and what became of the stream.

Real programs stream to a rehearsed retake.tv in a process of its own, through a network that can be cut. A seed draws
what happens: the clock is set, output is not read, the working folder is removed, the platform's CDN answers in its
place, SIGHUP, the runner is stopped for a while, a program is killed, the network is cut. Exits with 1 when a promise
is broken: on air for 97 % of the time in which the platform was there, no key and no message twice, none lost, nothing
left behind.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from cuttable_network import CUTS, Network
from measure import show

from retake_flow.wiring.soak import findings

ON_AIR_SHARE = 0.97
_QUIET = 20.0  # seconds at the end in which nothing happens, so that what was begun is brought to its end
_LOOK = 0.2
_WAITED = 150.0
_AGENT = "chaos"
_DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM")
_LIBFAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
#: Where the clock is set to, in seconds from the true time.
_CLOCKS = (-600, 75, 0, 2 * 86_400, -7_200, 3_600, -30)
_PROGRAMS = ("ffmpeg", "Xvfb", "openbox", "xterm", "pulseaudio", "python3")
_ANSWERS = """import json, sys
for line in sys.stdin:
    batch = json.loads(line)
    print(json.dumps({"replies": [f"I hear you: {m['text']}" for m in batch["messages"]]}), flush=True)
"""
_OVERLAY = """extends: go-live.yaml
inputs: {size: {default: 320x240}}
states:
  broadcast/pushing/on_air:
    activities:
      chat: {with: {responder: {command: [python3, answers.py]}}}
"""

Record = dict[str, Any]


class Reader(threading.Thread):
    """Reads what the run says, unless it is told not to.

    Attributes:
        records: What it has read.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.records: list[Record] = []
        self.reading = threading.Event()
        self.reading.set()
        self._process = process

    def run(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with suppress(ValueError):  # where output was dropped a line may be cut
                self.records.append(json.loads(line))
            self.reading.wait()

    def until(self, wanted: Callable[[Record], bool]) -> Record:
        """The first record that is as wanted, waited for."""
        deadline = time.monotonic() + _WAITED
        while time.monotonic() < deadline and self._process.poll() is None:
            for record in tuple(self.records):
                if wanted(record):
                    return record
            time.sleep(0.05)
        code = self._process.poll()
        raise SystemExit(f"the run did not come so far: {self.records[-3:]}, its exit code: {code}")


class Platform:
    """The rehearsed retake.tv, asked past the network that can be cut."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, api_port: int) -> None:
        self.process = process
        self.folder = folder
        self._port = api_port

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Call it."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    @property
    def shows_live(self) -> bool:
        """Whether whoever looks for live streams finds the agent's."""
        return bool(self.ask("GET", "/api/v1/users/live/"))


@dataclass
class Watch:
    """Looks all the time whether the stream is on air, and counts, as long as the platform is there."""

    platform: Platform
    there: bool = True
    looks: int = 0
    live: int = 0
    gaps: list[tuple[float, float]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        began, off_since = time.monotonic(), None
        while not self.ended.wait(_LOOK):
            there, live = self.there, self.platform.shows_live
            now = time.monotonic() - began
            self.looks += there
            self.live += there and live
            if not live:
                off_since = now if off_since is None else off_since
            elif off_since is not None:
                self.gaps.append((round(off_since, 1), round(now - off_since, 1)))
                off_since = None


@dataclass
class Scene:
    """All that chaos can get at.

    Attributes:
        every: Seconds between two draws; what lasts for long lasts until the next.
        dice: Decides what is left open.
        temporary: Where the run has its working folder.
        clock: The file that says what time it is.
    """

    process: subprocess.Popen[bytes]
    reader: Reader
    network: Network
    platform: Platform
    watch: Watch
    run: str
    temporary: Path
    clock: Path
    every: float
    dice: random.Random

    # --- what can happen: each returns what it did, and when it is over --------------------------------------

    def set_clock(self) -> str:
        """The clock of the host is set."""
        offset = self.dice.choice(_CLOCKS)
        set_clock(self.clock, offset)
        return f"{offset:+d} s"

    def leave_output(self) -> str:
        """Nobody reads what the run says."""
        self.reader.reading.clear()
        time.sleep(self.every * 0.9)
        self.reader.reading.set()
        return f"for {self.every * 0.9:g} s"

    def remove_folder(self) -> str:
        """Something removes the run's working folder."""
        found = list(self.temporary.glob("retake-flow-*"))
        for folder in found:
            shutil.rmtree(folder, ignore_errors=True)
        return ", ".join(folder.name for folder in found) or "there was none"

    def answer_by_cdn(self) -> str:
        """Somebody on the way answers in the API's place."""
        seconds = self.dice.uniform(0.15, 0.6) * self.every
        page = self.dice.choice(("challenge", "blocked", "limited", "login", "portal", "gateway", "empty", "truncated"))
        fault = {"call": "* /agent/*", "page": page, "times": None}
        self.watch.there = False
        self.platform.ask("POST", "/_rehearsal/faults", fault)
        time.sleep(seconds)
        self.platform.ask("DELETE", "/_rehearsal/faults")
        self.watch.there = True
        return f"{page}, for {seconds:.1f} s"

    def hang_up(self) -> str:
        """The terminal goes away; the run was begun by nohup."""
        self.process.send_signal(signal.SIGHUP)
        return "ignored"

    def stop_runner(self) -> str:
        """The runner is stopped, and goes on later."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(self.every)
        self.process.send_signal(signal.SIGCONT)
        return f"for {self.every:g} s"

    def kill_program(self) -> str:
        """One of the run's programs is killed."""
        victims = []
        for one in programs(self.run):
            with suppress(psutil.Error):  # it has ended
                if (name := one.name()) in _PROGRAMS:
                    victims.append((one, name))
        if not victims:
            return "there was none"
        victim, name = self.dice.choice(victims)
        with suppress(psutil.NoSuchProcess):
            victim.kill()
        return str(name)

    def cut_network(self) -> str:
        """The network is cut between the run and the platform."""
        how, seconds = self.dice.choice(CUTS), self.dice.uniform(0.1, 0.6) * self.every
        self.watch.there = False
        self.network.cut(how)
        time.sleep(seconds)
        self.network.mend()
        self.watch.there = True
        return f"{how} for {seconds:.1f} s"


KINDS: dict[str, Callable[[Scene], str]] = {
    "clock": Scene.set_clock,
    "output": Scene.leave_output,
    "folder": Scene.remove_folder,
    "cdn": Scene.answer_by_cdn,
    "sighup": Scene.hang_up,
    "sigstop": Scene.stop_runner,
    "kill": Scene.kill_program,
    "network": Scene.cut_network,
}


def set_clock(file: Path, offset: float) -> None:
    """Set the clock of the programs that go by a file."""
    fresh = file.with_suffix(".new")
    fresh.write_text(f"{offset:+g}\n")
    fresh.replace(file)


def programs(run: str) -> list[psutil.Process]:
    """The living programs of a run."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("RETAKE_FLOW_RUN") == run and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@contextmanager
def platform(folder: Path, network: Network, token: str) -> Iterator[Platform]:
    """A retake.tv with one agent."""
    ingest = f"rtmp://127.0.0.1:{network.ports[1]}/app"
    agents = [{"name": _AGENT, "token": token, "user_id": "user_chaos"}]
    options = folder / "options.json"
    options.write_text(json.dumps({"viewers": [], "agents": agents, "ingest": ingest}))
    command = [*_DIES_WITH_US, sys.executable, "-m", "retake_flow", "rehearsal", "--json"]
    command += ["--folder", str(folder / "rehearsal")]
    with subprocess.Popen([*command, "--options", str(options)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            ports = [int(told[name].split(":")[2].split("/")[0]) for name in ("api_url", "rtmp_url")]
            network.lead_to(ports)
            yield Platform(process, folder / "rehearsal", ports[0])
        finally:
            process.terminate()
            process.wait(_WAITED)


def start(folder: Path, network: Network, clock: Path, token: str) -> subprocess.Popen[bytes]:
    """Begin the run as somebody does who logs out afterwards."""
    (folder / "answers.py").write_text(_ANSWERS)
    (folder / "chaos.yaml").write_text(_OVERLAY)
    (folder / "tmp").mkdir()
    origin = f"http://127.0.0.1:{network.ports[0]}"
    credentials = folder / "credentials.json"
    credentials.touch(mode=0o600)
    known = {"access_token": token, "agent_name": _AGENT, "userDbId": "user_chaos", "issued_by": origin}
    credentials.write_text(json.dumps(known))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RETAKE_")}
    environment |= {"RETAKE_API_URL": origin, "RETAKE_CREDENTIALS": str(credentials)}
    environment |= {"RETAKE_FLOW_STATE": str(folder / "state"), "TMPDIR": str(folder / "tmp")}
    environment |= {"RETAKE_FLOW_STAGE": "off"}
    if _LIBFAKETIME:
        set_clock(clock, 0)
        environment |= {"LD_PRELOAD": str(_LIBFAKETIME[-1]), "FAKETIME_TIMESTAMP_FILE": str(clock)}
        environment |= {"FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}
    command = [sys.executable, "-m", "retake_flow", "run", str(folder / "chaos.yaml"), "--json"]
    return subprocess.Popen(
        [*_DIES_WITH_US, "nohup", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=(folder / "stderr").open("wb"),
        env=environment,
        cwd=folder,
    )


def wreck(scene: Scene, seconds: float, kinds: Sequence[str]) -> tuple[Counter[str], list[tuple[float, str, str]]]:
    """Have something happen again and again; how often what did, and each with its time."""
    happened: list[tuple[float, str, str]] = []
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds - _QUIET and scene.process.poll() is None:
        kind = scene.dice.choice(kinds)
        did = KINDS[kind](scene)
        happened.append((round(now, 1), kind, did))
        print(f"{now:7.1f} s  {kind:<8} {did}", file=sys.stderr, flush=True)
        time.sleep(max(0.0, began + now + scene.every - time.monotonic()))
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    return Counter(kind for _, kind, _ in happened), happened


def measure(seconds: float, every: float, seed: int, kinds: Sequence[str], kept: Path | None) -> dict[str, Any]:
    """Go live, have chaos, sign off, and see what is left."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder, network, token = Path(name), Network(2), f"rtk_{secrets.token_hex(12)}"
        with platform(folder, network, token) as there:
            clock = folder / "clock"
            process = start(folder, network, clock, token)
            reader = Reader(process)
            reader.start()
            try:
                run = str(reader.until(lambda r: r["event"] == "run_started")["run"])
                reader.until(lambda r: r["event"] == "state_entered" and str(r["state"]).endswith("/on_air"))
                # Not before: a run that took two tries to be on air would not read what was written in the first.
                viewer = {"at": 3, "name": "viewer-{n}", "text": "word {n}", "repeat": 5, "until": seconds - _QUIET}
                there.ask("POST", "/_rehearsal/viewers", [viewer])
                watch = Watch(there)
                looking = threading.Thread(target=watch.run, daemon=True)
                looking.start()
                scene = Scene(
                    process, reader, network, there, watch, run, folder / "tmp", clock, every, random.Random(seed)
                )
                counted, happened = wreck(scene, seconds, kinds)
                watch.ended.set()
                looking.join(_WAITED)
                settle(scene, folder)
            finally:
                network.mend()
                sign_off(process)
            report = there.ask("GET", "/_rehearsal/report")
            journal = read_journal(folder, run)
        network.close()
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            (kept / "journal.jsonl").write_text("\n".join(map(json.dumps, journal)))
            (kept / "report.json").write_text(json.dumps(report, indent=1))
            shutil.copy(folder / "stderr", kept / "stderr")
        wait_until(lambda: not programs(run))
        left = [str(one) for one in programs(run)]
        left += [str(path.name) for path in (folder / "tmp").iterdir()]
    said = [comment["text"] for agent in report["agents"] for comment in agent["chat"] if comment["agent"]]
    return {
        "seconds": seconds,
        "seed": seed,
        "happened": dict(counted),
        "on_air": round(watch.live / max(1, watch.looks), 4),
        "gaps": watch.gaps,
        "chaos": happened,
        "keys": report["keys"],
        "messages": findings(report, journal)["messages"],
        "said_twice": [text for text, times in Counter(said).items() if times > 1 and text.startswith("I hear you")],
        "broken_rules": [breach["text"] for breach in report["broken_rules"]],
        "left": left,
        "exit": process.returncode,
        "questions": [r["message"] for r in journal if r["event"] == "gate_opened" and ":" not in r["gate"]],
        "notices": sum(r["event"] == "notice" for r in journal),
    }


def settle(scene: Scene, folder: Path) -> None:
    """Wait until what was begun is at its end: the stream is on air, and every message has been read."""

    def settled() -> bool:
        report = scene.platform.ask("GET", "/_rehearsal/report")
        missed = findings(report, read_journal(folder, scene.run))["messages"]["missed"]
        return scene.process.poll() is not None or (scene.platform.shows_live and not missed)

    wait_until(settled)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, but not for ever."""
    deadline = time.monotonic() + _WAITED
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.5)


def sign_off(process: subprocess.Popen[bytes]) -> None:
    """End the run in order; one that does not is killed, which its exit code tells."""
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)  # SIGINT is ignored where this was started in the background
    try:
        process.wait(_WAITED)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_journal(folder: Path, run: str) -> list[Record]:
    """All records of the run, as another process reads them."""
    command = [sys.executable, "-m", "retake_flow", "show", run, "--journal"]
    environment = {**os.environ, "RETAKE_FLOW_STATE": str(folder / "state")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def broken(found: dict[str, Any]) -> list[str]:
    """The promises that were not kept."""
    messages = found["messages"]
    promises = {
        f"on air for {ON_AIR_SHARE:.0%} of the time in which the platform was there": found["on_air"] >= ON_AIR_SHARE,
        "no key twice": found["keys"]["reused"] == 0,
        "no message twice": messages["twice"] == 0 and not found["said_twice"],
        "no message lost": messages["missed"] == 0 and messages["written"] > 0,
        "nothing left behind": not found["left"],
        "no rule of the platform broken": not found["broken_rules"],
        "no question but which direction": not found["questions"],
        "ended in order": found["exit"] == 130,
    }
    return [promise for promise, is_kept in promises.items() if not is_kept]


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long the stream is to last")
    parser.add_argument("--every", type=float, default=20.0, help="how often something happens, in seconds")
    parser.add_argument("--seed", type=int, default=1, help="of what happens")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), help="only these")
    parser.add_argument("--keep", type=Path, help="a folder for the journal, the platform's report and standard error")
    args = parser.parse_args(arguments)
    kinds = args.kinds or list(KINDS)
    if not _LIBFAKETIME and "clock" in kinds:
        print("libfaketime is not installed, so the clock is left alone: sudo apt install faketime", file=sys.stderr)
        kinds = [kind for kind in kinds if kind != "clock"]
    found = measure(args.seconds, args.every, args.seed, kinds, args.keep)
    faults = broken(found)
    messages, keys = found["messages"], found["keys"]
    rows = [
        ("on air while the platform was there", f"{found['on_air']:.2%}", f"over {args.seconds:g} s"),
        ("interruptions", str(len(found["gaps"])), f"longest {max((s for _, s in found['gaps']), default=0):g} s"),
        ("keys used twice", str(keys["reused"]), f"of {keys['used']}"),
        ("messages lost", str(messages["missed"]), f"of {messages['written']}"),
        ("messages handled twice, answered twice", f"{messages['twice']}, {len(found['said_twice'])}", ""),
        ("left behind", str(len(found["left"])), f"exit code {found['exit']}"),
        ("notices", str(found["notices"]), f"questions {len(found['questions'])}"),
        *((f"  {kind}", f"{times}×", "") for kind, times in sorted(found["happened"].items())),
        *((f"broken: {promise}", "", "") for promise in faults),
    ]
    show("chaos", rows, {**found, "broken": faults})
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
