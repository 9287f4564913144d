"""Which display is taken, and how its server is started."""

from __future__ import annotations

import asyncio
import errno
import os
import shlex
import shutil
import socket
import stat
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from retake_flow.errors import HostError, InputError
from retake_flow.locks import Lock
from retake_flow.studio import display
from retake_flow.studio.display import Authority, authority_in
from retake_flow.studio.processes.launcher import Launcher

NOBODY = 2**31 - 1  # larger than any process id


@pytest.fixture
def x_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /tmp, with no display in it."""
    (tmp_path / ".X11-unix").mkdir()
    monkeypatch.setattr(display, "FOLDER", tmp_path)
    return tmp_path


def test_the_server_is_started_as_the_guide_says() -> None:
    """The command begins with the guide's; its -ac, which lets everybody in, is replaced by a key."""
    command = display.specification(99, "1280x720", Path("/folder/authority")).command()
    guide = shlex.split("Xvfb :99 -screen 0 1280x720x24")
    assert command[: len(guide)] == guide
    keys = ["-auth", "/folder/authority", "-noreset", "-nolisten", "tcp", "-nolisten", "local"]
    assert command[len(guide) :] == keys


def test_the_guides_display_comes_first() -> None:
    """:99 is tried before any other number."""
    assert display.NUMBERS[0] == 99


def test_a_number_without_a_trace_is_free(x_folder: Path) -> None:
    """A display nobody holds or listens on is free."""
    assert not display.is_taken(99)


def test_a_lock_of_a_living_server_is_respected(x_folder: Path) -> None:
    """A display whose lock names a living process is taken."""
    (x_folder / ".X99-lock").write_text(f"{os.getpid():>10}\n")
    assert display.is_taken(99)


@pytest.mark.parametrize("lock", [f"{NOBODY:>10}\n", "", "rubbish"])
def test_a_stale_lock_takes_nothing(x_folder: Path, lock: str) -> None:
    """A lock that names no living process does not hold a display; the server itself clears it."""
    (x_folder / ".X99-lock").write_text(lock)
    assert not display.is_taken(99)


def test_what_a_killed_run_has_left_is_removed_by_the_next(x_folder: Path) -> None:
    """Its claim, its lock and its socket, whatever number it had; what a living run holds stays."""
    for number in (120, 121, 122):
        (x_folder / f".X{number}-lock").write_text(f"{os.getpid() if number == 122 else 99999999:10}\n")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(x_folder / ".X11-unix" / f"X{number}"))
        (x_folder / display._claim(number)).touch()
    (x_folder / display._claim("nine")).touch()
    living = Lock(x_folder / display._claim(121))
    display.remove_remains()
    living.release()
    left = {f"{number}" for number in (120, 121, 122) if any(map(os.path.lexists, display._leftover_paths(number)))}
    assert left == {"121", "122"}
    assert not (x_folder / display._claim(120)).exists()


@pytest.mark.parametrize("abstract", [False, True])
def test_a_display_somebody_listens_on_is_taken(x_folder: Path, abstract: bool) -> None:
    """A server without a lock is noticed by its socket, in the file system or abstract."""
    address = str(x_folder / ".X11-unix" / "X99")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{address}" if abstract else address)
        server.listen()
        assert display.is_taken(99)
    assert not display.is_taken(99)


def test_a_size_that_cannot_be_encoded_is_refused() -> None:
    """With an example of a good one."""
    with pytest.raises(InputError) as raised:
        display.checked_size("1281x720")
    assert "1280x720" in raised.value.hint


@pytest.mark.parametrize("file", [".X99-lock", ".tX99-lock", ".X11-unix/X99"])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_lock_takes_a_number_and_holds_nobody_up(x_folder: Path, file: str, kind: str) -> None:
    """A pipe that nobody writes to is not waited for, and a link is not followed."""
    place = x_folder / file
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "link":
            place.symlink_to("/dev/zero")
        case _:
            place.mkdir()
    assert display.is_taken(99)
    display._remove_leftovers(99)
    assert os.path.lexists(place)


@pytest.mark.parametrize("text", [f"{9999999999}\n", "9" * 4000, "-1", "0", "\u0661\u0662", "1" * 11 + "\n"])
def test_a_lock_with_an_odd_number_names_nobody(x_folder: Path, text: str) -> None:
    """What is no process id is none, however long it is."""
    (x_folder / ".X99-lock").write_text(text)
    assert not display.is_taken(99)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("file", [".X99-lock", ".tX99-lock", ".X11-unix/X99"])
def test_what_another_user_has_left_takes_a_number(x_folder: Path, file: str) -> None:
    """A server could not remove it."""
    (x_folder / file).touch()
    assert not display.is_taken(99)
    os.chown(x_folder / file, 65534, 65534)
    assert display.is_taken(99)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_planted_claims_cost_neither_a_display_nor_open_files(x_folder: Path) -> None:
    """What another user lets us open is left alone, and closed again."""
    for number in range(99, 119):
        planted = x_folder / display._claim(number)
        planted.touch(0o666)
        os.chown(planted, 65534, 65534)
    before = len(os.listdir("/proc/self/fd"))
    display.remove_remains()
    for number in range(99, 119):
        with display._try_claim(number) as ours:
            assert not ours
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(list(x_folder.glob(".X*-retake-flow-*"))) == 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_claim_that_another_user_has_planted_costs_only_its_number(
    x_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For anybody but root, a file of that name that cannot be opened takes the number and refuses no display."""
    planted = x_folder / display._claim(99)
    planted.touch()
    os.chown(planted, 65534, 65534)

    def refused(file: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr(display.Lock, "on_new", refused)
    with display._try_claim(99) as ours:
        assert not ours
    with pytest.raises(HostError), display._try_claim(98):
        raise AssertionError("the folder cannot be written")


def test_beyond_the_first_numbers_there_are_more_than_anybody_can_take() -> None:
    """When :99 to :162 are taken, the next ones are nobody's to foresee."""
    first, *rest = (list(display._numbers()) for _ in range(3))
    assert first[: len(display.NUMBERS)] == list(display.NUMBERS)
    beyond = [number for numbers in (first, *rest) for number in numbers[len(display.NUMBERS) :]]
    assert len(set(beyond)) == len(beyond) >= 3 * 8
    assert min(beyond) > max(display.NUMBERS)


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_folder_of_sockets_that_others_can_change_is_refused(x_folder: Path, mode: int) -> None:
    """Whoever can replace a socket there would be sent the key of the display."""
    (x_folder / ".X11-unix").chmod(mode | stat.S_ISVTX)
    display.require_sockets()
    (x_folder / ".X11-unix").chmod(mode)
    with pytest.raises(HostError, match=r"\.X11-unix belongs to another user") as raised:
        display.require_sockets()
    assert "install -d -m 1777" in raised.value.hint


def test_a_link_in_place_of_the_folder_of_sockets_is_refused(x_folder: Path, tmp_path: Path) -> None:
    """It leads wherever somebody wants."""
    (x_folder / ".X11-unix").rmdir()
    display.require_sockets()  # the server makes it
    (x_folder / ".X11-unix").symlink_to(tmp_path)
    with pytest.raises(HostError):
        display.require_sockets()


def test_a_place_that_cannot_be_written_is_no_matter_of_numbers(
    x_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written no other number helps: that is told, and not that all are taken."""

    def refused(file: Path) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system", str(file))

    monkeypatch.setattr(display.Lock, "on_new", refused)

    async def opened() -> None:
        async with display.open_display(Launcher("run", {"PATH": ""}), x_folder, "64x64"):
            raise AssertionError("there is no place for it")

    with pytest.raises(HostError, match="no display can be opened: Read-only file system"):
        asyncio.run(opened())


def test_a_key_is_new_each_time_and_gone_afterwards(tmp_path: Path) -> None:
    """Its file can be read by its owner alone, and nothing stays of it."""
    with authority_in(tmp_path) as one, authority_in(tmp_path) as other:
        assert one.cookie != other.cookie
        assert one.ensure_file() != other.ensure_file()
        assert stat.S_IMODE(one.ensure_file().stat().st_mode) == 0o600
        assert one.cookie in one.ensure_file().read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    """With its folder, when that is gone too."""
    authority = Authority(tmp_path / "work" / "authority")
    before = authority.ensure_file().read_bytes()
    shutil.rmtree(tmp_path / "work")
    assert authority.ensure_file().read_bytes() == before


def test_the_cookie_is_not_in_a_printed_key(tmp_path: Path) -> None:
    """Whoever prints it shows where it is and nothing else."""
    authority = Authority(tmp_path / "authority", cookie=b"0123456789abcdef")
    assert "0123456789abcdef" not in repr(authority)


def test_the_greeting_is_padded_to_words(tmp_path: Path) -> None:
    """The X protocol has each text begin at a multiple of four bytes."""
    greeting = Authority(tmp_path / "authority", cookie=bytes(16)).greeting
    assert len(greeting) == 12 + 20 + 16
    assert greeting[12:32] == b"MIT-MAGIC-COOKIE-1\0\0"


@pytest.mark.skipif(shutil.which("xauth") is None, reason="xauth reads what we write")
def test_xauth_reads_the_file(tmp_path: Path) -> None:
    """It is the format that X programs know."""
    authority = Authority(tmp_path / "authority")
    command = ("xauth", "-f", str(authority.ensure_file()), "list")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split()[-2:] == ["MIT-MAGIC-COOKIE-1", authority.cookie.hex()]
