"""Two streams of one account: refused on every host that shares the store, as long as the first one's lease lasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from store_samples import THEM, US, World, a_run, created, said

from retake_flow.errors import AccountInUse
from retake_flow.ports.runs import Claim, Runs
from retake_flow.run.identity import NOBODY, Identity
from retake_flow.store.memory import MemoryRuns

OWL = Identity("Owl", "user_owl", "f1", "/a/owl.json", "https://retake.tv")


@pytest.fixture
def stores(runs: Runs, world: World) -> Runs:
    """A store that hosts can share."""
    if isinstance(runs, MemoryRuns):
        pytest.skip("no other host shares memory")
    world.living.add(US)
    return runs


def begun(runs: Runs, name: str, account: Identity, holder: object = US) -> Claim:
    """A run that streams as an account."""
    assert holder in (US, THEM)
    who = US if holder == US else THEM
    return runs.create(a_run(name), agent="", flow_file="f", flow_text="t", holder=who, account=account)


@pytest.mark.parametrize(
    "same",
    [
        OWL,
        replace(OWL, fingerprint="another token"),
        Identity(user_db_id="user_owl", source="/b", platform=OWL.platform),
        Identity("owl", platform=OWL.platform),
    ],
)
def test_a_second_stream_of_an_account_is_refused(stores: Runs, world: World, same: Identity) -> None:
    """By its id, its name or its token. The refusal names the first run, and leaves nothing of the second."""
    first = begun(stores, "first", OWL)
    with pytest.raises(AccountInUse, match=r"is in use by first \(process 100 on here\)") as raised:
        begun(stores, "second", same, THEM)
    assert (raised.value.run, raised.value.exit_code) == ("first", 5)
    assert [summary.id for summary in stores.summaries()] == ["first"]
    first.release()
    second = begun(stores, "second", same, THEM)
    world.living.add(THEM)
    with pytest.raises(AccountInUse, match="second"):
        stores.claim("first", US, account=OWL)
    assert stores.load("first").epoch == 1
    world.living.discard(THEM)  # its lease has run out
    stores.claim("first", US, account=OWL)
    del second


@pytest.mark.parametrize(
    "other",
    [
        Identity("lark", "user_lark", "f2", "/a/owl.json", OWL.platform),
        replace(OWL, platform="http://127.0.0.1:1"),
        Identity(source="/a/owl.json", platform=OWL.platform),
    ],
)
def test_another_account_streams_beside_it(stores: Runs, other: Identity) -> None:
    """Another agent, another platform; and the same path on two hosts is not the same file."""
    begun(stores, "first", OWL)
    begun(stores, "second", other)


def test_what_is_learnt_later_counts_too(stores: Runs) -> None:
    """As when a run has registered its agent; a run that ends takes nothing of it along."""
    begun(stores, "first", OWL)
    second = created(stores, a_run("second"))
    with pytest.raises(AccountInUse):
        second.hold(OWL)
    lark = Identity("lark", "user_lark", platform=OWL.platform)
    second.hold(lark)
    second.hold(lark)
    with pytest.raises(AccountInUse, match="second"):
        begun(stores, "third", lark)
    second.write(a_run("second", outcome="completed"), [])
    second.release()
    begun(stores, "third", lark)
    with stores.database.reading() as connection:  # type: ignore[attr-defined]
        held = connection.scalars(text("SELECT run FROM accounts ORDER BY run")).all()
    assert held == ["first"] * 3 + ["third"] * 2


@pytest.mark.parametrize("learnt", [False, True], ids=["known from the beginning", "learnt later"])
@pytest.mark.parametrize("readable", [True, False], ids=["moved away", "overwritten"])
def test_an_account_moves_with_its_run(
    tmp_path: Path, opened: Callable[[str], Runs], world: World, learnt: bool, readable: bool
) -> None:
    """When a file is lost, its run is in the one that is there now, and still streams alone as its account."""
    path = tmp_path / "state" / "runs.db"
    world.living.add(US)
    first = begun(opened(str(path)), "first", NOBODY if learnt else OWL)
    if learnt:
        first.hold(OWL)
    if readable:
        path.rename(path.with_name("away.db"))
    else:
        path.write_bytes(b"x" * 20_000)
        path.unlink()
    first.write(a_run("first", state="b"), [said("x")])
    with pytest.raises(AccountInUse, match="is in use by first"):
        begun(opened(str(path)), "second", OWL, THEM)
    first.release()
    begun(opened(str(path)), "second", OWL, THEM)
