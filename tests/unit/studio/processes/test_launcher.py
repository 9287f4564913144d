"""Confinement: what stands before a command: on machines whose system calls are known, and on others."""

from __future__ import annotations

import os
import struct
from types import SimpleNamespace

import pytest

from retake_flow.studio.processes import launcher


def machine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have this machine be one of that name."""
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=name))


@pytest.mark.parametrize(("name", "number"), [("x86_64", 29), ("aarch64", 194), ("riscv64", 194), ("loongarch64", 194)])
def test_the_kernel_is_told_to_refuse_one_call(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """The one for shared memory alone, by its number on that machine; every jump leads to an instruction."""
    machine(monkeypatch, name)
    refused = bytes.fromhex(launcher.confining_prefix({}, shares_memory=False)[-1])
    program = list(struct.iter_unpack("=HBBI", refused))
    assert number in [value for _, _, _, value in program]
    jumps = [(at + 1 + true, at + 1 + false) for at, (code, true, false, _) in enumerate(program) if code == 0x15]
    assert all(place < len(program) for jump in jumps for place in jump)
    assert program[-1][3] == 0x7FFF0000  # what is not refused is allowed


@pytest.mark.parametrize("name", ["i686", "sparc64", ""])
def test_on_another_machine_the_program_starts_all_the_same(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The stream comes first; the page on security says where frames are closed to others."""
    machine(monkeypatch, name)
    assert launcher.confining_prefix({}, shares_memory=False)[-1] == ""


def test_a_program_that_may_share_memory_is_started_by_setpriv_where_there_is_one() -> None:
    """It starts sooner than Python."""
    assert launcher.confining_prefix(os.environ, shares_memory=True)[1:] == ("--pdeathsig", "KILL")
    assert launcher.confining_prefix({"PATH": "/nowhere"}, shares_memory=True)[-1] == ""
