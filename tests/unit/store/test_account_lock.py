"""The lock of an account: held by one run at a time, whatever is known of the account, gone with its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retake_flow.errors import AccountInUse
from retake_flow.redact import Secret
from retake_flow.run.identity import Identity
from retake_flow.store.account_lock import AccountLock

OWL = Identity("owl", "user_owl", "f0", "/owl.json", "https://retake.tv")
WREN = Identity("wren", "user_wren", "f1", "/wren.json", "https://retake.tv")
HOLDING = """
import sys
from pathlib import Path
from retake_flow.run.identity import Identity
from retake_flow.store.account_lock import AccountLock
lock = AccountLock([Path(sys.argv[1])], "owl-1", "/x/runs.sqlite")
lock.hold(Identity("owl", "user_owl", "f0", "/owl.json", "https://retake.tv"))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders for locks, neither of which is there."""
    return [tmp_path / "one", tmp_path / "two" / "locks"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the account in the first folder."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "one")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_is_told_who_is_first(folders: list[Path]) -> None:
    """With the command that ends it, in its own store; nothing of the refused one stays locked."""
    with AccountLock(folders, "owl-1", "/x/runs.sqlite") as first, AccountLock(folders, "owl-2", "/y.sqlite") as second:
        first.hold(OWL)
        with pytest.raises(AccountInUse, match=r"^owl is in use by owl-1 \(process \d+ on ") as raised:
            second.hold(OWL)
        assert (raised.value.run, raised.value.pid, raised.value.exit_code) == ("owl-1", os.getpid(), 5)
        assert "`RETAKE_FLOW_STORE=/x/runs.sqlite retake-flow stop owl-1`" in raised.value.hint
        second.hold(WREN)
    with AccountLock(folders, "owl-3", "/x/runs.sqlite") as third:
        third.hold(OWL)


@pytest.mark.parametrize(
    "known",
    [
        Identity("OWL", platform=OWL.platform),
        Identity(user_db_id="user_owl", platform=OWL.platform),
        Identity(fingerprint="f0", source="RETAKE_ACCESS_TOKEN", platform=OWL.platform),
        Identity("another name", "user_owl", "f9", "/other.json", OWL.platform),
    ],
)
def test_one_thing_in_common_is_enough(folders: list[Path], known: Identity) -> None:
    """A name, an id, or a token: whichever is known of the account."""
    with AccountLock(folders, "owl-1", "/x") as first, AccountLock(folders, "owl-2", "/x") as second:
        first.hold(OWL)
        with pytest.raises(AccountInUse) as raised:
            second.hold(known)
        assert "`retake-flow stop owl-1`" in raised.value.hint


def test_two_that_would_keep_their_token_in_one_file_are_one(folders: list[Path]) -> None:
    """Before there is a token, the file in which it is going to be guards the account."""
    unknown = Identity(source="/new.json", platform=OWL.platform)
    with AccountLock(folders, "a-1", "/x") as first, AccountLock(folders, "a-2", "/x") as second:
        first.hold(unknown)
        with pytest.raises(AccountInUse, match=r"^the agent of /new.json is in use by a-1"):
            second.hold(unknown)


def test_what_is_learnt_later_is_held_too(folders: list[Path]) -> None:
    """A run that learns who it is finds that another is that already, and keeps what it had."""
    early = Identity(fingerprint="f9", source="RETAKE_ACCESS_TOKEN", platform=OWL.platform)
    with AccountLock(folders, "owl-1", "/x") as first, AccountLock(folders, "owl-2", "/x") as second:
        first.hold(OWL)
        second.hold(early)
        with pytest.raises(AccountInUse):
            second.hold(Identity("", "user_owl", "f9", "RETAKE_ACCESS_TOKEN", OWL.platform))
        with AccountLock(folders, "x-1", "/x") as third, pytest.raises(AccountInUse, match="owl-2"):
            third.hold(early)


def test_a_folder_in_common_is_enough(folders: list[Path]) -> None:
    """Containers with a /tmp of their own may share a state folder, and the other way round."""
    with AccountLock(folders, "owl-1", "/x") as first:
        first.hold(OWL)
        for folder in folders:
            with AccountLock([folder.parent / "own", folder], "owl-2", "/x") as second, pytest.raises(AccountInUse):
                second.hold(OWL)


def test_it_is_gone_with_its_process(folders: list[Path], elsewhere: subprocess.Popen[str]) -> None:
    """Also of one that is killed, or that was stopped in its tracks before."""
    with AccountLock(folders, "owl-2", "/x") as lock:
        with pytest.raises(AccountInUse, match=rf"owl-1 \(process {elsewhere.pid} on "):
            lock.hold(OWL)
        elsewhere.kill()
        elsewhere.wait()
        lock.hold(OWL)


def test_nothing_is_left_behind(folders: list[Path]) -> None:
    """Neither files nor folders; nor is anything said there that should not be."""
    Secret("hunter2-secret")  # as whoever opens the store wraps it
    with AccountLock(folders, "owl-1", "postgresql://ann:hunter2-secret@db/runs") as lock:
        lock.hold(OWL)
        lock.hold(OWL)
        files = [file for folder in folders for file in folder.iterdir()]
        assert len(files) == 6
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert [json.loads(file.read_text())["run"] for file in files] == ["owl-1"] * 6
        assert "hunter2" not in "".join(file.read_text() for file in files)
    assert [folder for folder in folders if folder.exists()] == []


def test_what_a_killed_process_has_left_is_removed_by_the_next(
    folders: list[Path], elsewhere: subprocess.Popen[str]
) -> None:
    """Of whatever agent it was; what a living one holds stays."""
    with AccountLock(folders, "wren-1", "/x") as lock:
        lock.hold(WREN)
        elsewhere.kill()
        elsewhere.wait()
        with AccountLock(folders, "lark-1", "/x") as other:
            other.hold(Identity("lark", platform=OWL.platform))
        assert {json.loads(file.read_text())["run"] for file in folders[0].iterdir()} == {"wren-1"}
    assert not folders[0].exists()


def test_a_folder_that_another_run_removes_as_it_ends_is_made_again(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run streams without its lock for that, and none fails at its end."""
    real, removed = os.mkdir, list[Path]()

    def removing(path: Path, mode: int = 0o777) -> None:
        try:
            real(path, mode)
        except FileExistsError:
            if path == folders[0] and not removed:
                removed.append(path)
                path.rmdir()
            raise

    folders[0].mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", removing)
        with AccountLock(folders[:1], "owl-1", "/x") as first, AccountLock(folders[:1], "owl-2", "/x") as second:
            first.hold(OWL)
            assert removed
            with pytest.raises(AccountInUse):
                second.hold(OWL)
    with monkeypatch.context() as patch, AccountLock(folders[:1], "owl-3", "/x") as third:
        third.hold(OWL)
        patch.setattr(os, "scandir", lambda path: os.open("/nowhere/at/all", os.O_RDONLY))


def test_without_a_place_for_locks_a_run_goes_on(tmp_path: Path) -> None:
    """A folder that is a file, a link or cannot be made is passed over."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with AccountLock([tmp_path / "file", tmp_path / "link", Path("/proc/nowhere")], "owl-1", "/x") as lock:
        lock.hold(OWL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]
