"""A store that is lost while a run is driven: the run is found again where others look, whole, and with one owner."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from store_samples import THEM, TWEET, US, World, a_run, an_answer, asked, asking, created, said, whats

from retake_flow.errors import StoreError
from retake_flow.fleet.placement import choose
from retake_flow.ports.fleet import Demand, Host
from retake_flow.ports.runs import Claim, Runs
from retake_flow.redact import MASK, Secret
from retake_flow.run.errors import Fenced, RunHeld
from retake_flow.run.identity import Identity
from retake_flow.run.records import record
from retake_flow.run.run import Run
from retake_flow.store.opening import open_fleet

Opener = Callable[[str], Runs]
Loss = Callable[[Path], None]
RUN = "go-live-1"
HOST = Host("a", "here", US.pid, US.started, "1", 2.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "state" / "runs.db"


def whole(path: Path) -> None:
    """Make sure that a store is not damaged."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def remove(path: Path) -> None:
    """As by `rm`."""
    path.unlink()


def remove_all(path: Path) -> None:
    """With what SQLite keeps beside it."""
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def move_away(path: Path) -> None:
    """The file alone."""
    path.rename(path.with_name("away.db"))


def move_the_folder_away(path: Path) -> None:
    """With all that is in it."""
    path.parent.rename(path.parent.with_name("away"))


def remove_the_folder(path: Path) -> None:
    """As by `rm -r`."""
    shutil.rmtree(path.parent)


def put_an_empty_one(path: Path) -> None:
    """Another file, with nothing in it."""
    path.with_name("new").touch()
    path.with_name("new").replace(path)


def remove_what_is_beside(path: Path) -> None:
    """What was written last is in no file that has a name."""
    for name in ("-wal", "-shm"):
        Path(f"{path}{name}").unlink()


def remove_the_log(path: Path) -> None:
    """The write-ahead log alone."""
    Path(f"{path}-wal").unlink()


def remove_the_index(path: Path) -> None:
    """The shared memory alone."""
    Path(f"{path}-shm").unlink()


def make_it_a_link(path: Path) -> None:
    """To itself, as on another disk."""
    path.rename(path.with_name("real.db"))
    path.symlink_to("real.db")


def make_it_a_link_to_nothing_yet(path: Path) -> None:
    """To an empty file."""
    path.unlink()
    (path.parent / "elsewhere").touch()
    path.symlink_to("elsewhere")


def write_a_copy_over_it(path: Path) -> None:
    """A whole copy, by a rename."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name("copy.db"))) as copy:
        source.backup(copy)
    path.with_name("copy.db").replace(path)


def cut_the_index(path: Path) -> None:
    """As by `truncate`, under the feet of whoever has mapped it."""
    os.truncate(f"{path}-shm", 0)


def cut_the_index_and_remove(path: Path) -> None:
    """Both at once, as by a clumsy clean-up."""
    os.truncate(f"{path}-shm", 100)
    path.unlink()


LOSSES = [
    remove,
    remove_all,
    move_away,
    move_the_folder_away,
    remove_the_folder,
    put_an_empty_one,
    remove_what_is_beside,
    remove_the_log,
    remove_the_index,
    make_it_a_link,
    make_it_a_link_to_nothing_yet,
    write_a_copy_over_it,
    cut_the_index,
]


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("notice", ["a write", "a look", "the answers"])
def test_a_run_is_found_again_with_all_that_was_of_it(path: Path, opened: Opener, lose: Loss, notice: str) -> None:
    """Snapshot, journal, questions, answers and requests are where others look, and work in both directions."""
    runs = opened(str(path))
    claim = asked(runs, TWEET)
    claim.write(asking(TWEET, state="b"), [said("x"), said("y")])
    runs.request(RUN, "say", {"text": "before"})
    lose(path)
    if notice == "a write":
        claim.write(asking(TWEET, state="b"), [said("z")])
    elif notice == "a look":
        assert whats(claim) == ["say"]
        claim.write(asking(TWEET, state="b"), [said("z")])
    else:
        assert claim.answers() == {}
        claim.write(asking(TWEET, state="b"), [said("z")])
    others = opened(str(path))
    events = [record["event"] for _, record in others.journal(RUN)]
    assert events == ["gate_opened", "x", "y", "z"]
    stored = others.load(RUN)
    assert (stored.run.state, stored.holder, stored.agent, stored.flow_text) == ("b", US, "owl", "flow: x")
    assert [summary.id for summary in others.summaries()] == [RUN]
    assert [gate.gate.id for gate in others.open_gates()] == ["prove.1"]
    number = others.request(RUN, "say", {"text": "hi"})
    others.answer(RUN, "prove.1", an_answer(url="u", token="t"))
    asks = claim.requests()
    assert asks[-1].number == number
    assert len(asks) == (1 if notice == "a look" else 2)
    assert list(claim.answers()) == ["prove.1"]
    claim.write(a_run(), [{**said("said"), "request": number}])
    assert others.load(RUN).run.gates == {}
    claim.release()
    assert others.load(RUN).holder is None
    troubles = claim.troubles()
    assert len(troubles) == 1
    assert "with its journal" in troubles[0]
    assert claim.troubles() == []
    whole(path)


@pytest.mark.parametrize("lose", LOSSES)
def test_the_run_has_one_owner(path: Path, opened: Opener, world: World, lose: Loss) -> None:
    """A claim of before counts no more, also where it has the copy of the run; a new one fences as ever."""
    world.living = {US, THEM}
    runs = opened(str(path))
    claim = created(runs)
    before = claim.epoch
    lose(path)
    claim.write(a_run(state="b"), [])
    assert claim.epoch > before
    others = opened(str(path))
    with pytest.raises(RunHeld):
        others.claim(RUN, THEM)
    taken = others.claim(RUN, THEM, force=True)
    with pytest.raises(Fenced):
        claim.write(a_run(state="c"), [])
    with pytest.raises(Fenced):
        claim.requests()
    taken.write(a_run(state="d"), [said("theirs")])
    assert others.load(RUN).run.state == "d"


def test_a_run_that_was_moved_is_no_more_in_the_store_that_was_moved_away(path: Path, opened: Opener) -> None:
    """Else both could be gone on with; the other runs in it are still there, and it can be opened by itself."""
    runs = opened(str(path))
    claim = created(runs)
    created(runs, a_run("other-1")).write(a_run("other-1"), [said("o")])
    move_away(path)
    claim.write(a_run(), [said("x")])
    away = opened(str(path.with_name("away.db")))
    assert [summary.id for summary in away.summaries()] == ["other-1"]
    assert [entry["event"] for _, entry in away.journal("other-1")] == ["o"]


@pytest.mark.parametrize(
    "lose", [remove, remove_all, move_away, move_the_folder_away, put_an_empty_one, make_it_a_link_to_nothing_yet]
)
def test_who_drives_nothing_follows_the_file_too(path: Path, opened: Opener, lose: Loss) -> None:
    """Such as the page and a worker, which run for weeks: else they show old runs, and what they ask for is lost."""
    page = opened(str(path))
    created(page, a_run("old-1")).release()
    page.close()
    page = opened(str(path))
    assert [summary.id for summary in page.summaries()] == ["old-1"]
    lose(path)
    assert [summary.id for summary in page.summaries()] == ["old-1"]
    claim = asked(opened(str(path)), TWEET)
    assert [summary.id for summary in page.summaries()] == [RUN]
    page.request(RUN, "stop")
    page.answer(RUN, TWEET.id, an_answer(url="https://x.com/1"))
    assert (whats(claim), list(claim.answers(fresh=True))) == (["stop"], [TWEET.id])
    whole(path)


@pytest.mark.parametrize("lose", [remove_all, move_the_folder_away])
def test_who_drives_nothing_keeps_no_backup_from_being_restored(path: Path, opened: Opener, lose: Loss) -> None:
    """Nothing is created while the file is away, and one that is still being copied is left alone."""
    backup = path.parent.parent / "backup.db"
    runs = opened(str(path))
    for number in range(30):
        created(runs, a_run(f"kept-{number}", vars={"text": "x" * 4000})).release()
    runs.close()
    shutil.copyfile(path, backup)
    with closing(opened(str(path))) as other:
        created(other, a_run("lost-1")).release()
    page = opened(str(path))
    assert len(page.summaries()) == 31
    lose(path)
    assert len(page.summaries()) == 31
    assert not path.exists()
    path.parent.mkdir(exist_ok=True)
    content = backup.read_bytes()
    with path.open("wb") as file:
        for start in range(0, len(content), 10_000):
            assert len(page.summaries()) == 31
            file.write(content[start : start + 10_000])
            file.flush()
    shown: list[int] = []
    looking = [threading.Thread(target=lambda: shown.append(len(page.summaries()))) for _ in range(4)]
    for each in looking:
        each.start()
    for each in looking:
        each.join()
    assert shown == [30] * 4
    assert len(opened(str(path)).summaries()) == 30
    whole(path)


def test_a_run_that_moves_stays_with_its_host(path: Path) -> None:
    """It costs that host what it did, and its worker still counts it as its own."""
    fleet = open_fleet(str(path), alive=lambda holder: True)
    fleet.submit(a_run(RUN), agent="owl", flow_file="/f.yaml", flow_text="flow", demand=Demand(cost=0.75))
    fleet.beat(HOST)
    (placed,) = fleet.place(choose).placed
    claim = fleet.runs.claim(RUN, US, epoch=placed.epoch)
    for _ in range(2):
        remove_all(path)
        claim.write(a_run(RUN, state="b"), [said("x")])
        fleet.beat(HOST)
        assert (fleet.driven_runs("a"), fleet.hosts()[0].used) == ({RUN: US.pid}, 0.75)
    fleet.close()


def test_all_runs_of_a_process_move(path: Path, opened: Opener) -> None:
    """The first to notice opens the new store, and the others follow."""
    runs = opened(str(path))
    claims = {name: created(runs, a_run(name)) for name in ("one", "two", "three")}
    remove_all(path)
    for name, claim in claims.items():
        claim.write(a_run(name, state="b"), [said(name)])
    others = opened(str(path))
    assert sorted(summary.id for summary in others.summaries()) == ["one", "three", "two"]
    for name, claim in claims.items():
        assert [entry["event"] for _, entry in others.journal(name)] == [name]
        assert len(claim.troubles()) == 1
        claim.release()
    whole(path)


def test_two_processes_on_one_store_both_move(path: Path, opened: Opener) -> None:
    """Neither takes the other's new files for stale ones."""
    first, second = opened(str(path)), opened(str(path))
    claims = [created(first, a_run("one")), created(second, a_run("two"), holder=THEM)]
    remove(path)
    for _ in range(3):
        for name, claim in zip(("one", "two"), claims, strict=True):
            claim.write(a_run(name), [said(name)])
    others = opened(str(path))
    assert [len(others.journal(name)) for name in ("one", "two")] == [3, 3]
    whole(path)


def test_it_can_be_lost_again_and_again(path: Path, opened: Opener) -> None:
    """One loss after the other, of each kind."""
    claim = created(opened(str(path)))
    for number, lose in enumerate(LOSSES):
        lose(path)
        for file in path.parent.parent.glob("**/*"):
            if file.name in ("away", "away.db", "real.db", "elsewhere", "new", "copy.db") and not path.is_symlink():
                shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
        claim.write(a_run(vars={"number": number}), [said(f"n{number}")])
    others = opened(str(path))
    assert [entry["event"] for _, entry in others.journal(RUN)] == [f"n{number}" for number in range(len(LOSSES))]
    assert len(claim.troubles()) == len(LOSSES)


def truncate(path: Path) -> None:
    """As by `: > runs.db`."""
    os.truncate(path, 0)


OLD: dict[str, bytes] = {}


def restore_over_it(path: Path) -> None:
    """As by `cp`, which keeps the inode."""
    path.write_bytes(OLD["copy"])


def truncate_all(path: Path) -> None:
    """As by `truncate -s 0 runs.db*`."""
    for file in path.parent.glob(f"{path.name}*"):
        os.truncate(file, 0)


@pytest.mark.parametrize("lose", [cut_the_index_and_remove, truncate_all])
def test_what_nobody_can_read_any_more_is_known_by_heart(path: Path, opened: Opener, lose: Loss) -> None:
    """The connection is not touched, which would end the process: the run is there, its journal is said to be lost."""
    claim = asked(opened(str(path)), TWEET)
    claim.write(asking(TWEET, state="b"), [said("x")])
    lose(path)
    claim.write(asking(TWEET, state="c"), [said("y")])
    others = opened(str(path))
    assert (others.load(RUN).run.state, [gate.gate.id for gate in others.open_gates()]) == ("c", ["prove.1"])
    assert others.journal(RUN) == [(3, said("y"))]
    (trouble,) = claim.troubles()
    assert "which is lost" in trouble
    whole(path)


@pytest.mark.parametrize("lose", [truncate, restore_over_it])
def test_a_run_is_found_again_after_its_store_was_overwritten(path: Path, opened: Opener, lose: Loss) -> None:
    """What the process knows by heart is there; what of the journal is lost is said."""
    runs = opened(str(path))
    created(runs, a_run("other-1")).release()
    claim = asked(runs, TWEET)
    runs.close()
    OLD["copy"] = path.read_bytes()
    runs = opened(str(path))
    claim = runs.claim(RUN, US)
    for number in range(300):
        claim.write(asking(TWEET, state="b", vars={"ballast": "x" * 5000}), [said(f"n{number}")])
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    claim.requests()
    lose(path)
    claim.write(asking(TWEET, state="c", identity=Identity("owl")), [said("after")])
    others = opened(str(path))
    stored = others.load(RUN)
    assert (stored.run.state, stored.holder, stored.agent, stored.flow_text) == ("c", US, "owl", "flow: x")
    assert [gate.gate.id for gate in others.open_gates()] == ["prove.1"]
    assert others.journal(RUN)[-1][1]["event"] == "after"
    (trouble,) = claim.troubles()
    assert "was overwritten" in trouble
    lost = len(others.journal(RUN)) < 302
    assert ("which is lost" in trouble) == lost
    if lose is restore_over_it:
        assert "other-1" in [summary.id for summary in others.summaries()]
    whole(path)


def make_it_a_folder(path: Path) -> None:
    """A folder."""
    path.unlink()
    path.mkdir()


def make_it_a_pipe(path: Path) -> None:
    """A pipe, which must not be waited for."""
    path.unlink()
    os.mkfifo(path)


def put_another_programs(path: Path) -> None:
    """The database of another program."""
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.commit()


def put_a_newer_one(path: Path) -> None:
    """A store of a newer version."""
    shutil.copy(path, path.with_name("newer.db"))
    path.unlink()
    with closing(sqlite3.connect(path.with_name("newer.db"))) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("CREATE TABLE IF NOT EXISTS schema_version (version)")
        other.execute("DELETE FROM schema_version")
        other.execute("INSERT INTO schema_version VALUES (999)")
        other.commit()
    path.with_name("newer.db").replace(path)


def put_a_text(path: Path) -> None:
    """A file that is no database."""
    path.unlink()
    path.write_text("dear diary, " * 100)


def write_a_text_over_it(path: Path) -> None:
    """The same inode, with something else in it."""
    path.write_text("dear diary, " * 100)


def put_a_dangling_link(path: Path) -> None:
    """A link to nothing."""
    path.unlink()
    path.symlink_to("nowhere")


def put_a_link_to_itself(path: Path) -> None:
    """A link that leads nowhere."""
    path.unlink()
    path.symlink_to(path.name)


FOREIGN = [
    make_it_a_folder,
    make_it_a_pipe,
    put_another_programs,
    put_a_newer_one,
    put_a_text,
    write_a_text_over_it,
    put_a_dangling_link,
    put_a_link_to_itself,
]


@pytest.mark.parametrize("put", FOREIGN)
def test_what_is_no_store_of_ours_is_left_as_it_is(path: Path, opened: Opener, put: Loss) -> None:
    """The write says so, again and again; once it is out of the way the run is written as a whole."""
    claim = created(opened(str(path)))
    claim.write(a_run(), [said("x")])
    put(path)
    before = path.read_bytes() if path.is_file() else None
    for _ in range(3):
        with pytest.raises(StoreError):
            claim.write(a_run(state="b"), [said("y")])
    assert (path.read_bytes() if path.is_file() else None) == before
    path.rename(path.with_name("foreign"))
    claim.write(a_run(state="b"), [said("z")])
    others = opened(str(path))
    assert others.load(RUN).run.state == "b"
    expected = ["z"] if put is write_a_text_over_it else ["x", "z"]
    assert [entry["event"] for _, entry in others.journal(RUN)][-len(expected) :] == expected


class Restored:
    """A store whose copy from before is put in its place, after somebody has done something with that copy."""

    def __init__(self, path: Path, opened: Opener, meanwhile: Callable[[Runs], None]) -> None:
        self.claim = created(opened(str(path)))
        self.claim.write(a_run(state="b"), [said("x")])
        copy = path.with_name("copy.db")
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        runs = opened(str(copy))
        meanwhile(runs)
        runs.close()
        self.claim.write(a_run(state="c"), [said("y")])
        remove_all(path)
        copy.replace(path)
        self.runs = opened(str(path))


def test_a_copy_from_before_takes_what_has_happened_since(path: Path, opened: Opener) -> None:
    """Newer rows replace the older ones of the same run."""
    restored = Restored(path, opened, lambda runs: None)
    restored.claim.write(a_run(state="d"), [said("z")])
    assert restored.runs.load(RUN).run.state == "d"
    assert [entry["event"] for _, entry in restored.runs.journal(RUN)] == ["x", "y", "z"]


def taken(runs: Runs) -> Claim:
    """Another process has it now."""
    return runs.claim(RUN, THEM, force=True)


def test_who_has_gone_on_with_a_copy_keeps_the_run(path: Path, opened: Opener, world: World) -> None:
    """A later claim in the store that was put in place fences ours, which changes nothing there."""
    world.living = {US, THEM}
    restored = Restored(path, opened, lambda runs: taken(runs).write(a_run(state="theirs"), []))
    with pytest.raises(Fenced):
        restored.claim.write(a_run(state="ours"), [])
    assert (restored.runs.load(RUN).run.state, restored.runs.load(RUN).holder) == ("theirs", THEM)


def test_a_claim_that_is_as_old_as_ours_and_lives_keeps_the_run(path: Path, opened: Opener, world: World) -> None:
    """The copy was from before our claim, and somebody has claimed it as we have claimed the original."""
    world.living = {THEM}
    runs = opened(str(path))
    created(runs).release()
    runs.close()
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    ours, others = opened(str(path)).claim(RUN, US), opened(str(copy))
    assert others.claim(RUN, THEM).epoch == ours.epoch
    others.close()
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    copy.replace(path)
    with pytest.raises(Fenced):
        ours.requests()
    world.living = set()
    ours.write(a_run(state="ours"), [])
    assert opened(str(path)).load(RUN).epoch == ours.epoch == 3


def test_secrets_stay_masked_in_the_copy(path: Path, opened: Opener) -> None:
    """Journal, snapshot and answers: nothing comes into the new store that was not in the old one."""
    secret = Secret("rtk_lost_and_found_again")
    runs = opened(str(path))
    claim = asked(runs, TWEET)
    runs.answer(RUN, "prove.1", an_answer(url="u", token=secret))
    claim.answers()
    claim.write(a_run(vars={"t": secret}), [record("x", 1.0, token=secret, text=f"it is {secret.reveal()}")])
    remove_all(path)
    claim.write(a_run(vars={"t": secret}, reason=f"for {secret.reveal()}"), [])
    assert [file.name for file in path.parent.iterdir() if secret.reveal().encode() in file.read_bytes()] == []
    assert opened(str(path)).journal(RUN)[-1][1]["text"] == f"it is {MASK}"


def test_a_store_is_for_its_owner_alone_after_it_was_lost(path: Path, opened: Opener) -> None:
    """Whatever the umask is."""
    before = os.umask(0)
    try:
        claim = created(opened(str(path)))
        for lose in (remove_the_folder, remove_the_log, truncate):
            lose(path)
            claim.write(a_run(), [said("x")])
            assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
            assert path.parent.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_nothing_is_lost_while_the_store_is_where_it_was(path: Path, opened: Opener) -> None:
    """Other processes that come and go, checkpoints and a vacuum are no loss."""
    runs = opened(str(path))
    claim = created(runs)
    epoch = claim.epoch
    for number in range(5):
        other = opened(str(path))
        other.request(RUN, "say", {"text": "hi"})
        other.close()
        with closing(sqlite3.connect(path)) as somebody:
            somebody.execute(["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA optimize"][number % 3]).fetchall()
        assert len(claim.requests()) == 1
        claim.write(a_run(vars={"number": number}), [said("x")])
    assert (claim.troubles(), claim.epoch) == ([], epoch)


def test_stale_files_beside_a_missing_store_are_not_taken_for_its_own(path: Path, opened: Opener) -> None:
    """A new store that is made where one was removed has nothing of the old one."""
    first = opened(str(path))
    created(first)
    remove(path)
    second = opened(str(path))
    assert second.summaries() == []
    created(second, replace(a_run("new-1"), state="n"))
    assert [summary.id for summary in opened(str(path)).summaries()] == ["new-1"]
    whole(path)


def test_a_run_that_has_ended_takes_no_questions_along(path: Path, opened: Opener) -> None:
    """Its end is written into the new store, and nobody is asked anything there."""
    runs = opened(str(path))
    claim = asked(runs, TWEET)
    remove(path)
    ended: Run = asking(TWEET, outcome="stopped")
    claim.write(ended, [said("run_ended")])
    claim.release()
    others = opened(str(path))
    assert (others.load(RUN).run.outcome, others.open_gates()) == ("stopped", [])


@pytest.mark.parametrize("lose", LOSSES)
def test_nothing_of_a_lost_store_stays_open(path: Path, opened: Opener, lose: Loss) -> None:
    """A file that was removed gives its space back at once, without waiting for the collector."""

    def held() -> set[str]:
        places = [os.path.realpath(file) for file in Path("/proc/self/fd").iterdir()]
        return {place for place in places if place.startswith(str(path.parents[1]))}

    runs = opened(str(path))
    claim = created(runs)
    lose(path)
    gc.disable()
    try:
        claim.write(a_run(), [said("x")])
        assert not [place for place in held() if "deleted" in place or "away" in place]
        claim.release()
        runs.close()
        assert held() == set()
    finally:
        gc.enable()
