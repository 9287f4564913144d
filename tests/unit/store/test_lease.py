"""Leases: a claim lasts as long as the store's clock says, and its holder stops earlier by its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flow_processes import waited
from sqlalchemy import text
from store_samples import THEM, US, a_run, created, said

from retake_flow.ports.runs import Runs
from retake_flow.run.errors import Fenced
from retake_flow.store.lease import Lease
from retake_flow.store.opening import open_runs

Opener = Callable[[str], Runs]
RUN = "go-live-1"


def test_the_holder_stops_before_others_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """It beats every three seconds, is sure of the run for 25 and loses it after 35: by its own clock, from the start
    of the last renewal that went through.
    """
    now = 100.0
    monkeypatch.setattr(Lease, "clock", staticmethod(lambda: now))
    lease = Lease(35.0)
    assert (round(lease.beat, 2), lease.seconds_left, lease.due) == (3.0, 25.0, False)
    assert (round(Lease(6.0).beat, 2), round(Lease(600.0).beat)) == (1.71, 36)
    assert Lease(6.0).beat + Lease(6.0).beat_within < 0.8 * Lease(6.0).seconds_left  # there is time for another one
    assert round(lease.beat_due(tried=102.0) - lease.beat_due(tried=0.0), 2) == 2.0  # a write has renewed it at 100
    began = lease.note_try()
    now = 104.0
    lease.note_renewal(began)
    assert lease.seconds_left == 21.0
    lease.note_renewal(began - 50)  # an older one that comes late
    now = 125.0
    assert (lease.seconds_left, lease.due) == (0.0, True)


def until(runs: Runs, change: float = 0.0) -> float:
    """For how many more seconds a run is leased, after changing that."""
    with runs.database.writing() as connection:
        connection.execute(text("UPDATE runs SET lease_until = lease_until + :change"), {"change": change})
    holder = runs.load(RUN).holder
    assert holder is not None
    assert holder.lease is not None
    return holder.lease


def test_a_server_s_lease_is_renewed_by_itself(postgres_place: str) -> None:
    """By one statement for all claims of a process; a write renews it too."""
    runs = open_runs(postgres_place, lease=50.0)
    claim = created(runs)
    claim.write(a_run(), [said("x")])
    assert 20 < until(runs) <= 50
    until(runs, -40)
    waited(lambda: until(runs) > 20, "a beat")
    runs.close()


def test_every_write_renews_it_and_so_do_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a file, a run that does nothing but wait keeps its lease as long as its process looks for requests."""
    runs = open_runs(tmp_path / "runs.db", lease=3500.0)
    claim = created(runs)
    assert 3000 < until(runs) <= 3500
    assert until(runs, -2000) <= 1500
    claim.write(a_run(), [said("x")])
    assert until(runs) > 3000
    until(runs, -2000)
    claim.requests()
    assert until(runs) <= 1500  # it is early
    later = Lease.clock() + 1200
    monkeypatch.setattr(Lease, "clock", staticmethod(lambda: later))
    claim.requests()
    assert until(runs) > 3000
    runs.close()


def test_whoever_has_lost_its_run_hears_of_it_at_the_renewal(
    place: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nothing was asked of it and it writes nothing."""
    runs = opened(place)
    claim = created(runs)
    runs.claim(RUN, THEM, force=True)
    later = Lease.clock() + 12
    monkeypatch.setattr(Lease, "clock", staticmethod(lambda: later))
    with pytest.raises(Fenced):
        claim.requests()


def test_a_host_that_lost_power_holds_its_run_for_one_lease(place: str) -> None:
    """Then anybody may go on with it, without force. The lease of a claim that is not the last counts for nothing."""
    elsewhere = replace(US, where="boot/1")
    lost = open_runs(place, lease=35.0)
    created(lost, holder=elsewhere)
    lost.close()  # which releases nothing
    runs = open_runs(place, lease=35.0)
    assert runs.summaries()[0].holder == elsewhere
    with pytest.raises(Exception, match="is driven by process 100 on here"):
        runs.claim(RUN, THEM)
    until(runs, -36)
    claim = runs.claim(RUN, replace(THEM, where="boot/2"))
    assert claim.epoch == 2
    with runs.database.writing() as connection:  # what an older program does, which knows no leases
        connection.execute(text("UPDATE runs SET epoch = 3, holder_host = 'old', lease_until = 1"))
    holder = runs.load(RUN).holder
    assert holder is not None
    assert (holder.host, holder.where, holder.lease) == ("old", "", None)
    runs.close()
