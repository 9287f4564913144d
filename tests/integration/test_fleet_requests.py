"""Requests to a run while no host has it: the next host carries them out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import store_hosts
from flow_processes import Home, Running, at_home, waited, write_credentials

from retake_flow.settings import Settings
from retake_flow.web import writes
from retake_flow.web.desk import Desk

FLOW = """\
flow: undone
initial: on
events:
  poke: {word: {type: string}}
states:
  on:
    initial: open
    states:
      open:
        do: program.run
        with: {command: [touch, FOLDER/opened]}
        undo: {do: program.run, with: {command: [touch, FOLDER/closed]}}
        transitions: {done: rest}
      rest: {wait: 1h, transitions: {done: end, poke: asking}}
      asking: {ask: {message: "Well?", answer: {word: {type: string}}}, transitions: {answered: end}}
      end: {final: done, ends: state}
    transitions: {done: over, failed: over}
  over: {final: completed}
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home whose worker has the credentials of owl."""
    agents = tmp_path / "agents"
    write_credentials(agents / "owl.json", "owl", store_hosts.TOKEN, "https://retake.tv")
    own = {"RETAKE_FLOW_AGENTS": str(agents), "RETAKE_CREDENTIALS": str(tmp_path / "none.json")}
    with at_home(tmp_path / "home", **own) as home:
        (home.folder / "undone.yaml").write_text(FLOW.replace("FOLDER", str(tmp_path)))
        yield home


def between_hosts(home: Home) -> str:
    """A run that a host has handed over, and no other has taken."""
    done = home.call("submit", str(home.folder / "undone.yaml"), "--agent", "owl", "--json")
    assert done.code == 0, done
    run = str(done.records[0]["run"])
    worker = start_worker(home)
    waited(lambda: home.row(run)["state"] == "on/rest", "it to rest", every=0.2)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.finish() == 0
    assert home.row(run)["phase"] == "running"
    return run


def start_worker(home: Home) -> Running:
    """A worker with room for all runs."""
    worker = home.start("worker", "--capacity", "4")
    worker.until("worker_started")
    return worker


async def stop_on_page(run: str) -> str:
    """Press the button of the page."""
    desk = Desk(Settings.from_environment())
    try:
        return await writes.end(desk, run, "stop")
    finally:
        await desk.close()


def test_a_run_between_hosts_is_stopped_by_the_next(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next host, where it does not go on first, if the credentials of its agent are not here."""
    run = between_hosts(home)
    asked = home.call("stop", run, "--json", RETAKE_FLOW_AGENTS=str(tmp_path / "nobody"))
    assert (asked.code, asked.records[-1]["effect"], asked.records[-1]["waits"]) == (1, "queued", "no worker runs")
    for name, value in {**home.environment, "RETAKE_FLOW_AGENTS": str(tmp_path / "nobody")}.items():
        monkeypatch.setenv(name, value)
    said = asyncio.run(stop_on_page(run))
    assert said == "Asked to stop; a host does it once it has the run: no worker runs"
    assert not (tmp_path / "closed").exists()
    (tmp_path / "opened").unlink()
    start_worker(home)
    waited((tmp_path / "closed").exists, "its undo, which follows its end", every=0.2)
    assert (home.row(run)["outcome"], (tmp_path / "opened").exists()) == ("stopped", False)


def test_requests_between_two_hosts_are_carried_out_by_the_next(home: Home, tmp_path: Path) -> None:
    """Nothing is refused or lost: an event, a text and an answer wait for it. Where its agent is, it can be stopped."""
    run = between_hosts(home)
    with ThreadPoolExecutor() as threads:
        words = (("say", run, "soon"), ("send", run, "poke", "--set", "word=up"))
        asking = [threads.submit(home.call, *each, "--json") for each in words]
        waited(lambda: home.asked(run) == {"say", "event"}, "both requests", every=0.1)
        worker = start_worker(home)
        said, sent = (each.result().records[0] for each in asking)
    assert sent["effect"] in ("done", "queued"), sent  # a busy host may take longer than they wait
    assert said["effect"] == "queued" or said["reason"] == "the run is not on air", said
    waited(lambda: not home.asked(run), "both to be done", every=0.1)
    [done] = [record for record in home.journal(run) if record["event"] == "said"]
    assert (done["text"], done["reason"]) == ("soon", "the run is not on air")
    waited(lambda: home.row(run)["phase"] == "suspended", "its question", every=0.2)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.finish() == 0
    answered = home.call("answer", run, "word=well", "--json")
    assert (answered.code, answered.records[0]["effect"]) == (0, "queued"), answered
    stopped = home.call("stop", run, "--json")
    assert stopped.code == 0, stopped
    assert (stopped.records[-1]["ended"], (tmp_path / "closed").exists()) == (True, True)
