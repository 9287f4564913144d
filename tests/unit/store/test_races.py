"""Many at the same moment, on SQLite and PostgreSQL: one wins, and all agree who."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import store_processes
from store_samples import CHOICE, US, World, a_run, an_answer, created

from retake_flow.ports.runs import Claim, Holder, Runs
from retake_flow.run.errors import AlreadyAnswered, Fenced, RunHeld

Opener = Callable[[str], Runs]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    store_processes.be_patient(monkeypatch.setattr)


def at_once(works: list[Callable[[], str]]) -> list[str]:
    """What each work says when all are done at the same moment."""
    together = threading.Barrier(len(works))
    said = [""] * len(works)

    def do(number: int) -> None:
        together.wait()
        said[number] = works[number]()

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_all_who_answer_at_once_are_told_the_same_winner(place: str, opened: Opener) -> None:
    """Of four answers at the same moment one is kept; thirty times."""
    runs = opened(place)
    gates = {f"g.{n}": replace(CHOICE, id=f"g.{n}", visit=n) for n in range(30)}
    claim = created(runs)
    claim.write(a_run(gates=gates), [])

    def answering(gate: str, name: str) -> str:
        try:
            runs.answer("go-live-1", gate, an_answer(name))
        except AlreadyAnswered as error:
            return error.by
        return name

    for gate in gates:
        winners = set(at_once([lambda g=gate, n=name: answering(g, n) for name in ("ann", "bob", "cat", "dan")]))
        assert winners == {claim.answers(fresh=True)[gate].by}


def test_all_who_claim_at_once_are_told_the_same_holder(place: str, opened: Opener, world: World) -> None:
    """Of four claims on a dead run at the same moment one is granted; ten times."""
    runs = opened(place)
    holders = [Holder("here", pid, 1.0) for pid in range(4)]
    world.living.update(holders)

    def claiming(run: str, holder: Holder) -> str:
        try:
            runs.claim(run, holder)
        except RunHeld as error:
            return str(error.pid)
        return str(holder.pid)

    for number in range(10):
        run = f"r{number}"
        created(runs, a_run(run), holder=US)
        owners = set(at_once([lambda r=run, h=holder: claiming(r, h) for holder in holders]))
        stored = runs.load(run)
        assert stored.holder is not None
        assert (stored.epoch, owners) == (2, {str(stored.holder.pid)})


def test_of_two_writers_only_the_later_one_goes_on(place: str, opened: Opener) -> None:
    """While one process writes as fast as it can, another claims: no record of the first comes after."""
    runs = opened(place)
    first = created(runs)
    claims: list[Claim] = []

    def writing() -> str:
        number = 0
        try:
            while True:
                first.write(a_run(vars={"n": number}), [{"t": "2026-01-01T00:00:00Z", "event": "step", "n": number}])
                number += 1
        except Fenced:
            return str(number)

    def robbing() -> str:
        while len(runs.journal("go-live-1")) < 20:
            pass
        claims.append(runs.claim("go-live-1", US))
        return str(len(runs.journal("go-live-1")))

    written, at_claim = at_once([writing, robbing])
    assert written == at_claim == str(len(runs.journal("go-live-1")))
    claims[0].write(a_run(), [{"t": "2026-01-01T00:00:00Z", "event": "step", "n": int(written)}])
    assert [record["n"] for _, record in runs.journal("go-live-1")] == list(range(int(written) + 1))
