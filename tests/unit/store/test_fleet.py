"""Submitted runs get hosts, lose them with their drivers, and are held when these fail; on SQLite and PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
from store_samples import CHOICE, THEM, US, World, a_run

from retake_flow import process_place
from retake_flow.fleet.placement import choose, reason
from retake_flow.ports.fleet import Demand, Host, Job, Sweep
from retake_flow.ports.runs import MOVED
from retake_flow.run.errors import Fenced, HostTaken, HostUnknown, RunEnded, RunMoved, RunUnknown
from retake_flow.run.gates import Answer
from retake_flow.run.run import PendingUndo, Phase
from retake_flow.settings import USUAL_LEASE
from retake_flow.store.opening import open_fleet
from retake_flow.store.sql.fleet import SWEEPS_FOR, SqlFleet
from retake_flow.store.sql.postgresql import PostgreSQL

Submit = Callable[..., None]


@pytest.fixture
def fleet(place: str, world: World) -> Iterator[SqlFleet]:
    """An empty store."""
    opened = open_fleet(place, alive=world.alive, now=world.now)
    yield opened
    opened.close()


@pytest.fixture
def submit(fleet: SqlFleet) -> Submit:
    """Submits runs to it."""

    def submitted(name: str, phase: Phase = Phase.PENDING, **demand: object) -> None:
        wanted = Demand(**demand)  # type: ignore[arg-type]
        fleet.submit(a_run(name, phase=phase), agent="owl", flow_file="/f.yaml", flow_text="flow", demand=wanted)

    return submitted


def _host(name: str = "a", **about: object) -> Host:
    here = process_place.where(), os.getpid(), process_place.start_time(os.getpid())
    return replace(Host(name, *here, "1.0", 2.0), **about)  # type: ignore[arg-type]


def _jobs(fleet: SqlFleet) -> dict[str, Job]:
    return {job.run: job for job in fleet.jobs()}


def _die(fleet: SqlFleet) -> None:
    """Let the leases of this process run out, none renewed any longer."""
    if isinstance(fleet._database, PostgreSQL):
        fleet._database._keeper.close()  # and no beat of it is under way
    with fleet._database.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET lease_until = 5")


def test_a_submitted_run_gets_a_host_whose_driver_alone_can_claim_it(fleet: SqlFleet, submit: Submit) -> None:
    """The order names the epoch, so that a stale one drives nothing; once driven, the run still costs its host."""
    submit("r1", cost=0.75)
    assert fleet.place(choose) == Sweep([], [])
    assert _jobs(fleet)["r1"].host == ""
    fleet.beat(_host())
    given = fleet.place(choose).placed
    fleet.place(choose)
    (placed,) = fleet.placed_runs("a")
    assert given == [placed]
    assert (placed.job, _jobs(fleet)["r1"].waits, fleet.driven_runs("a")) == ("r1/1", True, {})
    assert (placed.since, placed.why) == (10.0, "submitted")
    with pytest.raises(Fenced):
        fleet.runs.claim("r1", US, epoch=0)
    claim = fleet.runs.claim("r1", US, epoch=placed.epoch)
    claim.write(a_run("r1"), [])
    assert (fleet.placed_runs("a"), fleet.driven_runs("a"), _jobs(fleet)["r1"].waits) == ([], {"r1": US.pid}, False)
    (host,) = fleet.hosts()
    assert (host.used, host.runs, host.away) == (0.75, 1, False)
    claim.write(a_run("r1", phase=Phase.COMPLETED, outcome="completed"), [])
    claim.release()
    fleet.place(choose)
    assert (fleet.jobs(), fleet.hosts()[0].used) == ([], 0)


def test_what_is_given_never_exceeds_the_capacity_and_keeps_the_order(fleet: SqlFleet, submit: Submit) -> None:
    """The most urgent come first; a host that drains or is not ready gets nothing."""
    for number in range(6):
        submit(f"r{number}", priority=-number)
    fleet.beat(_host(capacity=1.0))
    fleet.beat(_host("full", accepts=False))
    fleet.beat(_host("leaving"))
    fleet.drain("leaving", "hand-over")
    assert fleet.beat(_host("leaving")) == "hand-over"
    fleet.place(choose)
    assert [placed.run for placed in fleet.placed_runs("a")] == ["r5", "r4"]
    assert [fleet.placed_runs(other) for other in ("full", "leaving")] == [[], []]
    assert [job.run for job in fleet.jobs()] == ["r5", "r4", "r3", "r2", "r1", "r0"]
    with pytest.raises(HostUnknown, match="no host 'b'"):
        fleet.drain("b", "end")


def test_a_sweep_ends_in_time(fleet: SqlFleet, submit: Submit, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a rack is lost, what is given in a second is given, and the next sweep goes on with the rest."""
    for number in range(5):
        submit(f"r{number}")
    fleet.beat(_host(capacity=10.0))
    clock = [0.0]
    monkeypatch.setattr("retake_flow.store.sql.fleet.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def slow(job: Job, hosts: Sequence[Host]) -> Host | None:
        clock[0] += SWEEPS_FOR * 0.4
        return choose(job, hosts)

    assert [placed.run for placed in fleet.place(slow).placed] == ["r0", "r1", "r2"]
    assert [placed.run for placed in fleet.place(slow).placed] == ["r3", "r4"]
    assert len(fleet.placed_runs("a")) == 5


def test_runs_that_no_host_fits_keep_none_from_a_host(
    fleet: SqlFleet, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many wait before it, and however few of them a sweep can look at."""
    monkeypatch.setattr("retake_flow.store.sql.jobs._PAGE", 2)
    for number in range(5):
        submit(f"r{number}", labels=("gpu",))
    submit("r5", priority=1)
    submit("r6", priority=2)
    fleet.beat(_host(capacity=0.5))
    assert [placed.run for placed in fleet.place(choose).placed] == ["r5"]
    fleet.beat(_host(capacity=1.0))
    clock = [0.0]
    monkeypatch.setattr("retake_flow.store.sql.fleet.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def slow(job: Job, hosts: Sequence[Host]) -> Host | None:
        clock[0] += SWEEPS_FOR * 0.4
        return choose(job, hosts)

    given = [[placed.run for placed in fleet.place(slow).placed] for _ in range(2)]
    assert given == [[], ["r6"]]


def test_a_damaged_job_is_held_and_keeps_no_other_from_a_host(fleet: SqlFleet, submit: Submit) -> None:
    """So do a damaged host and a damaged holder; a new demand mends the job. People are told once."""
    for name in ("r1", "r2", "r3"):
        submit(name)
    fleet.beat(_host("b"))
    with fleet._database.writing() as connection:
        connection.exec_driver_sql("UPDATE hosts SET labels = 'x'")
        connection.exec_driver_sql("UPDATE jobs SET labels = 'x' WHERE run = 'r1'")
        connection.exec_driver_sql("UPDATE runs SET holder_host = 'h', lease_until = 5 WHERE id = 'r3'")
    fleet.beat(_host("a"))
    sweep = fleet.place(choose)
    assert [placed.run for placed in sweep.placed] == ["r2"]
    held = {job.run: job.trouble for job in sweep.held}
    assert (list(held), "what it needs of a host is damaged" in held["r1"]) == (["r1", "r3"], True)
    assert fleet.place(choose).held == []
    assert [(host.id, host.away) for host in fleet.hosts()] == [("a", False), ("b", True)]
    assert reason(_jobs(fleet)["r1"], fleet.hosts(), 0.0).startswith("held: what it needs of a host is damaged")
    fleet.want("r1", Demand())
    assert [placed.run for placed in fleet.place(choose).placed] == ["r1"]


def test_a_gate_holds_no_slot_and_an_answer_asks_for_one(fleet: SqlFleet, submit: Submit) -> None:
    """A parked run waits for nobody; once it is answered, or its timer is due, it gets a host."""
    submit("r1")
    fleet.beat(_host())
    fleet.place(choose)
    claim = fleet.runs.claim("r1", US, epoch=1)
    asks = a_run("r1", phase=Phase.SUSPENDED, gates={CHOICE.id: CHOICE}, timers={("a", "timeout"): 99e9})
    claim.write(asks, [])
    claim.release()
    fleet.place(choose)
    assert (_jobs(fleet)["r1"].waits, _jobs(fleet)["r1"].host, fleet.hosts()[0].used) == (False, "", 0)
    fleet.runs.answer("r1", CHOICE.id, Answer("retry", {"wait": 1}, "ada", "test", 60.0))
    fleet.place(choose)
    assert [(each.job, each.why, each.since) for each in fleet.placed_runs("a")] == [("r1/3", "answer", 60.0)]
    claim = fleet.runs.claim("r1", US, epoch=3)
    claim.answers()
    claim.write(replace(asks, gates={}, timers={("a", "after"): 5.0}), [])
    claim.release()
    fleet.place(choose)
    assert [placed.job for placed in fleet.placed_runs("a")] == ["r1/5"], "its timer is due"


def test_a_dead_driver_is_replaced_and_a_living_one_is_not(fleet: SqlFleet, submit: Submit, world: World) -> None:
    """Whoever finds it dead gives its run away, at once for the first time; the dead one can write nothing more."""
    submit("r1")
    fleet.beat(_host())
    (placed,) = fleet.place(choose).placed
    claim = fleet.runs.claim("r1", THEM, epoch=1)
    world.living.add(THEM)
    left = fleet.place(choose).lease_ends
    assert left is not None, "when the next look has to be"
    assert 0 < left <= USUAL_LEASE
    assert fleet.driven_runs("a") == {"r1": THEM.pid}
    world.living.clear()
    _die(fleet)
    fleet.place(choose)
    assert [(again.job, again.why) for again in fleet.placed_runs("a")] == [("r1/4", "expired")]
    assert fleet.place(choose).lease_ends is None
    assert "died" in _jobs(fleet)["r1"].trouble
    with pytest.raises(Fenced):
        claim.write(a_run("r1"), [])
    fleet.give_back(placed, "its driver was killed by SIGKILL")
    assert len(_jobs(fleet)["r1"].failures) == 1, "its worker counts the same death no second time"


def test_a_frozen_driver_loses_its_run_while_that_waits_for_a_host(fleet: SqlFleet, submit: Submit) -> None:
    """A lease that has run out cannot be renewed once others have counted the driver among the dead."""
    submit("r1")
    fleet.beat(_host())
    fleet.place(choose)
    claim = fleet.runs.claim("r1", THEM, epoch=1)
    _die(fleet)
    fleet.beat(_host(accepts=False))
    fleet.place(choose)
    assert fleet.placed_runs("a") == []
    with pytest.raises(Fenced):
        claim.write(a_run("r1"), [])


def test_five_failures_hold_a_run_until_it_is_wanted_again(fleet: SqlFleet, submit: Submit) -> None:
    """The second and later ones wait for longer each; somebody learns once that it is held."""
    submit("r1", cost=0.25)
    fleet.beat(_host())
    for number in range(5):
        with fleet._database.writing() as connection:
            connection.exec_driver_sql("UPDATE jobs SET not_before = 0")
        fleet.place(choose)
        (placed,) = fleet.placed_runs("a")
        held = fleet.give_back(placed, "ffmpeg is missing")
        assert (held is not None) == (number == 4)
        assert fleet.placed_runs("a") == []
    job = _jobs(fleet)["r1"]
    assert (job.trouble, job.failed_on, len(job.failures)) == ("ffmpeg is missing", ("a",) * 5, 5)
    assert job.held is not None
    fleet.place(choose)
    assert (fleet.placed_runs("a"), fleet.hosts()[0].used) == ([], 0)
    fleet.want("r1", Demand(cost=0.5))
    fleet.place(choose)
    assert [placed.run for placed in fleet.placed_runs("a")] == ["r1"]
    with pytest.raises(RunUnknown):
        fleet.want("r2", Demand())


def test_every_host_is_tried_before_a_run_is_held(fleet: SqlFleet, submit: Submit) -> None:
    """An older program has noted only the last of those on which it failed."""
    submit("r1", cost=0.5)
    for name in "abc":
        fleet.beat(_host(name))
    tried = []
    for _ in range(3):
        with fleet._database.writing() as connection:
            connection.exec_driver_sql("UPDATE jobs SET not_before = 0")
        (placed,) = fleet.place(choose).placed
        tried.append(placed.host)
        fleet.give_back(placed, "ffmpeg is missing")
    assert sorted(tried) == ["a", "b", "c"]
    with fleet._database.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET failed_on = 'c', not_before = 0")
    assert _jobs(fleet)["r1"].failed_on == ("c",)
    assert fleet.place(choose).placed[0].host == "b"


def test_a_run_of_before_there_were_hosts_gets_one_when_its_timer_is_due(fleet: SqlFleet) -> None:
    """The program that suspended it has not stored when that is."""
    asks = a_run("r1", phase=Phase.SUSPENDED, gates={CHOICE.id: CHOICE}, timers={("a", "timeout"): 5.0})
    fleet.runs.create(asks, agent="owl", flow_file="/f.yaml", flow_text="flow", holder=US).release()
    with fleet._database.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET due = NULL")
    fleet.want("r1", Demand())
    fleet.beat(_host())
    assert [placed.run for placed in fleet.place(choose).placed] == ["r1"]


def test_what_never_runs_again_is_not_wanted(fleet: SqlFleet, submit: Submit) -> None:
    """A run that has ended, unless there is something to undo, and one that was moved to another store."""
    ended = a_run("r1", phase=Phase.COMPLETED, outcome="completed")
    owing = replace(ended, id="r2", undoing=(PendingUndo("a", "a", "x.close", {}),))
    for run in (ended, owing):
        fleet.runs.create(run, agent="owl", flow_file="/f.yaml", flow_text="flow", holder=US).release()
    with pytest.raises(RunEnded, match="r1 has ended: completed in a"):
        fleet.want("r1", Demand())
    fleet.want("r2", Demand())
    submit("r3")
    with fleet._database.writing() as connection:
        moved = f"holder_host = '/elsewhere', holder_where = '{MOVED}', holder_pid = 0, holder_started = 0"
        connection.exec_driver_sql(f"UPDATE runs SET {moved}, lease_until = 99e9, lease_epoch = 0 WHERE id = 'r3'")
    with pytest.raises(RunMoved, match="was moved to /elsewhere"):
        fleet.want("r3", Demand())


def test_a_run_that_was_handed_over_is_no_failure(fleet: SqlFleet, submit: Submit) -> None:
    """Its host gives it back, and it waits for the next one, or for a while when its account is in use."""
    submit("r1")
    fleet.beat(_host())
    fleet.place(choose)
    (placed,) = fleet.placed_runs("a")
    claim = fleet.runs.claim("r1", US, epoch=placed.epoch)
    claim.write(a_run("r1"), [])
    claim.release()
    assert fleet.give_back(placed) is None
    job = _jobs(fleet)["r1"]
    assert (job.waits, job.host, job.failures, job.demand.not_before) == (True, "", (), 0.0)
    fleet.place(choose)
    (again,) = fleet.placed_runs("a")
    assert (again.since, again.why) == (fleet.runs.load("r1").updated, "handover")
    assert fleet.give_back(placed, "too late") is None, "it is about an earlier order"
    assert fleet.placed_runs("a") == [again]
    fleet.give_back(again, "its account is in use", after=60)
    fleet.place(choose)
    assert fleet.placed_runs("a") == []
    with fleet._database.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET not_before = 20")
    fleet.place(choose)
    assert [(each.why, each.since) for each in fleet.placed_runs("a")] == [("exit", 20.0)]


def test_what_an_absent_host_was_given_goes_to_another(fleet: SqlFleet, submit: Submit) -> None:
    """A worker that is gone keeps nothing, and another process cannot be the worker of a living host."""
    submit("r1")
    fleet.beat(_host())
    fleet.place(choose)
    fleet.beat(_host("b", capacity=1.0))
    with pytest.raises(HostTaken, match="has a worker already"):
        fleet.beat(_host(pid=1, started=process_place.start_time(1)))
    with fleet._database.writing() as connection:
        connection.exec_driver_sql("UPDATE hosts SET seen = 5 WHERE id = 'a'")
    fleet.place(choose)
    assert [[placed.job for placed in fleet.placed_runs(name)] for name in ("a", "b")] == [[], ["r1/2"]]
    fleet.leave("a")
    assert [host.id for host in fleet.hosts()] == ["b"]


def test_a_drain_waits_for_the_next_worker_of_its_host(fleet: SqlFleet) -> None:
    """It is over once a worker has drained the host: one that is started after that takes runs again."""
    gone = _host(pid=2**22 + 1, started=1.0)
    fleet.beat(gone)
    fleet.drain("a", "end")
    assert [fleet.beat(_host()), fleet.beat(_host())] == ["end", "end"]
    fleet.leave("a")
    assert fleet.beat(_host()) == ""


def test_undos_of_a_run_that_has_ended_are_not_lost(fleet: SqlFleet, submit: Submit) -> None:
    """Its driver died after the end was written; hosts get the run until the undos are done, or too many fail."""
    submit("r1")
    fleet.beat(_host())
    fleet.place(choose)
    claim = fleet.runs.claim("r1", THEM, epoch=1)
    ended = a_run("r1", phase=Phase.COMPLETED, outcome="completed")
    owing = replace(ended, undoing=(PendingUndo("a", "a", "x.close", {}),))
    claim.write(owing, [])
    _die(fleet)
    for _ in range(2):
        fleet.place(choose)
        assert [placed.job for placed in fleet.placed_runs("a")] == ["r1/4"]
    fleet.give_back(fleet.placed_runs("a")[0])  # its host is drained
    fleet.place(choose)
    assert [placed.job for placed in fleet.placed_runs("a")] == ["r1/5"]
    failures = 1
    while fleet.give_back(fleet.placed_runs("a")[0], "no flow here") is None:
        failures += 1
        with fleet._database.writing() as connection:
            connection.exec_driver_sql("UPDATE jobs SET not_before = 0")
        fleet.place(choose)
    assert failures == 4
    fleet.want("r1", Demand())
    fleet.place(choose)
    claim = fleet.runs.claim("r1", US, epoch=fleet.placed_runs("a")[0].epoch)
    claim.write(ended, [])
    claim.release()
    fleet.place(choose)
    with fleet._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs").scalar() == 0
