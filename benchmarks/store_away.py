"""A store on PostgreSQL: what it costs to listen, and what an outage costs a process that drives runs.

The bounds are those of docs/runs.md: `--quick` measures for a shorter time.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from measure import quick

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

import postgres_server
from cuttable_port import CuttablePort, leading_to

from retake_flow.ports.runs import Claim, Runs
from retake_flow.run.run import PendingUndo, Phase, Run
from retake_flow.store.holders import this_process
from retake_flow.store.opening import open_runs
from retake_flow.store.steadfast import Steadfast

RUNS = 100
OWED = (PendingUndo("live", "live.session", "retake.stop_stream", {}),)


def begun(runs: Runs, name: str) -> Claim:
    """A run on air."""
    run = Run(name, "go-live", "d" * 64, {}, phase=Phase.RUNNING, state="on_air", undos=OWED)
    return runs.create(run, agent="", flow_file="f", flow_text="t", holder=this_process())


async def look(claims: list[Claim], until: Callable[[], bool]) -> list[float]:
    """Look for requests as runners do, woken by news; returns when each came, in seconds."""
    loop, news = asyncio.get_running_loop(), asyncio.Event()
    for claim in claims:
        claim.on_news(lambda: loop.call_soon_threadsafe(news.set))
    came: list[float] = []
    while not until():
        for claim in claims:
            came += [time.monotonic()] * len(claim.requests())
        try:
            await asyncio.wait_for(news.wait(), 0.4)
        except TimeoutError:
            continue
        news.clear()
    return came


def transactions(server: postgres_server.Server) -> int:
    """How many transactions the server has committed so far."""
    import psycopg

    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute("SELECT sum(xact_commit) FROM pg_stat_database").fetchone()
    assert row is not None
    return int(row[0])


def listening(server: postgres_server.Server, seconds: float) -> None:
    """Print what 100 idle runs cost, and how soon a request is heard."""

    async def measure() -> None:
        runs, other = open_runs(server.url), open_runs(server.url)
        claims = [begun(runs, f"r{number}") for number in range(RUNS)]
        await look(claims, _after(3.0))
        before, began = transactions(server), time.monotonic()
        await look(claims, _after(seconds))
        rate = (transactions(server) - before) / (time.monotonic() - began)
        print(f"{RUNS} idle runs in one process: {rate:.1f} transactions/s (at most 30)")
        delays = []
        for number in range(int(4 * seconds)):
            asked: list[float] = []

            def ask(name: str = f"r{number % RUNS}", asked: list[float] = asked) -> None:
                asked.append(time.monotonic())
                other.request(name, "say", {"text": "x"})

            asking = asyncio.create_task(asyncio.to_thread(ask))
            heard: list[float] = []
            while not heard:
                heard += await look(claims, _once(2))
            await asking
            delays.append(heard[0] - asked[0])
        print(
            f"a request is heard after {1000 * statistics.median(delays):.0f} ms (median; at most 20), "
            f"{1000 * max(delays):.0f} ms (longest)"
        )
        other.close()
        runs.close()

    asyncio.run(measure())


def outages(server: postgres_server.Server, network: CuttablePort, seconds: float) -> None:
    """Print for how long an outage holds up the event loop, and what it costs."""

    async def measure(name: str, cut: Callable[[], None], mend: Callable[[], None]) -> None:
        runs = open_runs(server.over(network.port))
        run = Run(name, "go-live", "d" * 64, {}, phase=Phase.RUNNING, state="on_air", undos=OWED)
        claim = Steadfast(begun(runs, name), run)
        longest, written, began, cut_at = 0.0, 0, time.monotonic(), time.monotonic() + 1.0
        while time.monotonic() - began < seconds + 4 or claim.write_error(once=True) is not None:
            before = time.monotonic()
            if cut_at and before >= cut_at:
                cut()  # a server would not outlive another thread
                cut_at, mended = 0.0, before + seconds
            elif not cut_at and mended and before >= mended:
                mend()
                mended = 0.0
            before = time.monotonic()
            claim.requests()
            claim.write(run, [{"t": "2026-01-01T00:00:00.000Z", "event": "x"}])
            longest, written = max(longest, time.monotonic() - before), written + 1
            await asyncio.sleep(0.05)
        stored = len(runs.journal(name))
        print(f"{name} for {seconds:g} s: the loop was held up for {longest:.2f} s (at most 3.5)")
        print(f"    records {stored} of {written}, claims {claim.epoch} of 1")
        runs.close()

    asyncio.run(measure("restarted", server.stop, server.start))
    asyncio.run(measure("connections reset", lambda: network.cut("refused"), network.mend))
    asyncio.run(measure("packets vanish", lambda: network.cut("silent"), network.mend))


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _once(times: int) -> Callable[[], bool]:
    left = [None] * times
    return lambda: not left or left.pop() is not None


if __name__ == "__main__":
    short = quick(__doc__ or "")
    programs = postgres_server.binaries()
    if programs is None:
        sys.exit("PostgreSQL's programs are not installed: apt install postgresql")
    with postgres_server.a_server(programs) as made, leading_to(made.port) as between:
        listening(made, 3.0 if short else 20.0)
        outages(made, between, 4.0 if short else 15.0)
