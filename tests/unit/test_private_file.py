"""Files that hold tokens, where they can be replaced and where they cannot."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from retake_flow import private_file
from retake_flow.errors import CredentialsError

NOBODY = 65534
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount and become another user")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file that is a mount of its own, as one that is mounted into a container."""
    outside, inside = tmp_path / "outside.json", tmp_path / "inside.json"
    outside.write_bytes(b"a longer old content")
    outside.chmod(0o600)
    inside.touch(mode=0o600)
    mount = subprocess.run(["mount", "--bind", outside, inside], capture_output=True, text=True)
    if mount.returncode != 0:
        pytest.skip(f"no mounts here: {mount.stderr}")
    yield inside
    subprocess.run(["umount", inside], check=True)


@pytest.fixture
def of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of root's; we are in it, so that those above it need not be open to other users."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return Path()


@contextmanager
def nobody() -> Iterator[None]:
    """Be another user than root for a moment."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """Whatever the old file allowed, the new one is its owner's alone."""
    file = tmp_path / "kept.json"
    file.write_text("old")
    file.chmod(0o644)
    private_file.replace(file, "ünï".encode())
    assert file.read_text(encoding="utf-8") == "ünï"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("error", [28, 122, 5])
def test_a_write_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """When the new file cannot be put in place, the old one is there as it was, and nothing beside it."""

    def full(*_: object) -> None:
        raise OSError(error, "No more")

    file = tmp_path / "kept.json"
    private_file.replace(file, b"old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No more"):
        private_file.replace(file, b"new")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("kept.json", "old")]


@root
@pytest.mark.parametrize("content", [b"short", b"a content that is longer than the old one"])
def test_a_file_that_is_mounted_is_written_in_place(mounted: Path, content: bytes) -> None:
    """It cannot be renamed over; the file outside has the new content, and nothing is left beside it."""
    private_file.replace(mounted, content)
    assert mounted.with_name("outside.json").read_bytes() == content
    assert sorted(found.name for found in mounted.parent.iterdir()) == ["inside.json", "outside.json"]


@root
@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_permits_no_removal_keeps_no_copy(tmp_path: Path, there: bool) -> None:
    """In an append-only folder, a file that is there is written in place; the token is in no other one."""
    file = tmp_path / "kept.json"
    if there:
        private_file.replace(file, b"old")
    if subprocess.run(["chattr", "+a", tmp_path], capture_output=True).returncode != 0:
        pytest.skip("this file system has no append-only folders")
    try:
        with nullcontext() if there else pytest.raises(PermissionError):
            private_file.replace(file, b"a token")
        found = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    finally:
        subprocess.run(["chattr", "-a", tmp_path], check=True)
    assert found.pop(file.name, None) == (b"a token" if there else None)
    assert not any(found.values())


@root
def test_a_mount_that_is_read_only_is_an_error(mounted: Path) -> None:
    """Its old content stays."""
    subprocess.run(["mount", "-o", "remount,bind,ro", mounted], check=True)
    with pytest.raises(OSError, match="Read-only"):
        private_file.replace(mounted, b"new")
    assert mounted.read_bytes() == b"a longer old content"


@root
def test_a_writable_file_in_a_folder_of_somebody_else_is_written_in_place(of_root: Path) -> None:
    """No file can be made beside it, and none is left."""
    file = of_root / "kept.json"
    file.write_bytes(b"old")
    file.chmod(0o600)
    os.chown(file, NOBODY, NOBODY)
    with nobody():
        private_file.replace(file, b"new")
        assert private_file.read(file) == b"new"
        with pytest.raises(PermissionError):
            private_file.replace(of_root / "other.json", b"new")
    assert os.listdir() == [file.name]


def test_a_disk_that_fills_up_in_place_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of the new content is taken back."""
    file = tmp_path / "kept.json"
    private_file.replace(file, b"old")
    really = os.pwrite

    def fixed(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    def half(handle: int, content: bytes, offset: int) -> int:
        return really(handle, content[:4], offset)

    monkeypatch.setattr(os, "replace", fixed)
    monkeypatch.setattr(os, "pwrite", half)
    with pytest.raises(OSError, match="No space"):
        private_file.replace(file, b"a longer new content")
    assert file.read_bytes() == b"old"


@root
def test_root_leaves_a_file_with_its_owner(tmp_path: Path) -> None:
    """Root in a container must not take the file from the user who owns it on the host."""
    file = tmp_path / "kept.json"
    private_file.replace(file, b"old")
    os.chown(file, NOBODY, NOBODY)
    private_file.replace(file, b"new")
    assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (NOBODY, 0o600)


@root
@pytest.mark.parametrize(
    ("mode", "owner", "allowed"),
    [
        (0o440, 0, True),  # as Kubernetes mounts a secret for a group
        (0o640, 0, True),
        (0o444, 0, False),
        (0o460, 0, False),
        (0o644, 0, False),
        (0o440, NOBODY, False),  # its owner can close it
        (0o640, NOBODY, False),
        (0o400, NOBODY, True),
    ],
)
def test_only_root_may_hand_a_secret_to_a_group(of_root: Path, mode: int, owner: int, allowed: bool) -> None:
    """Whoever could close a file to its group has to; one that root mounted for the group can be read in no other way.

    It is also refused to root itself.
    """
    file = of_root / "a secret.json"
    file.write_bytes(b"{}")
    os.chown(file, owner, NOBODY)
    file.chmod(mode)
    with nobody():
        if allowed:
            assert private_file.read(file) == b"{}"
        else:
            with pytest.raises(CredentialsError, match=f"{mode:04o}") as caught:
                private_file.read(file)
            assert "RETAKE_ACCESS_TOKEN" in caught.value.hint
            assert f"chmod 600 '{file}'" in caught.value.hint
    if mode & 0o077:
        with pytest.raises(CredentialsError, match=f"{mode:04o}"):
            private_file.read(file)


def test_a_folder_in_its_place_is_told_with_its_cause(tmp_path: Path) -> None:
    """As a container engine makes it where the host has no file."""
    with pytest.raises(CredentialsError, match="a folder") as caught:
        private_file.read(tmp_path)
    assert "mount a file" in caught.value.hint


def test_removing_takes_what_killed_writers_left(tmp_path: Path) -> None:
    """A half-written copy goes with the file, other files stay, and removing twice is no error."""
    for name in ("kept.json", ".kept.json.x1y2", "kept.json.bak", "other"):
        (tmp_path / name).touch()
    for _ in range(2):
        private_file.remove(tmp_path / "kept.json")
        assert {found.name for found in tmp_path.iterdir()} == {"kept.json.bak", "other"}


@pytest.mark.parametrize("planted", ["link", "pipe", "file", "dangling"])
def test_a_new_file_takes_the_place_of_whatever_is_there(tmp_path: Path, planted: str) -> None:
    """Nothing is written through a link or into a pipe, and whoever had the old file open reads nothing new."""
    victim, place = tmp_path / "victim", tmp_path / "place"
    victim.write_text("precious")
    match planted:
        case "link":
            place.symlink_to(victim)
        case "dangling":
            place.symlink_to(tmp_path / "elsewhere")
        case "pipe":
            os.mkfifo(place)
        case _:
            os.link(victim, place)
    before = os.umask(0)
    try:
        with private_file.create(place) as file:
            file.write(b"ours")
    finally:
        os.umask(before)
    assert (victim.read_text(), place.read_text()) == ("precious", "ours")
    assert stat.S_IMODE(place.lstat().st_mode) == 0o600
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_missing_is_made_for_us_alone(tmp_path: Path) -> None:
    """A link of one's own may lead there."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    assert private_file.own_folder(tmp_path / "link" / "new") == tmp_path / "real" / "new"
    assert stat.S_IMODE((tmp_path / "real" / "new").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("given", ["folder", "link"])
def test_a_folder_in_another_users_hands_is_refused(tmp_path: Path, given: str) -> None:
    """Whoever owns it, or a link on the way, decides where things are written."""
    (tmp_path / "real" / "folder").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    place = tmp_path / "link" / "folder"
    private_file.own_folder(place)
    os.chown({"folder": place, "link": tmp_path / "link"}[given], 65534, 65534, follow_symlinks=False)
    with pytest.raises(PermissionError, match="another user's"):
        private_file.own_folder(place)
