"""The key of a display."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from retake_flow.studio.authority import Authority, authority_in


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
