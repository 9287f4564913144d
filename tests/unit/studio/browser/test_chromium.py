"""The start of a browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retake_flow.errors import HostError
from retake_flow.studio import programs
from retake_flow.studio.browser import chromium
from retake_flow.studio.browser.source import AllowedHosts
from retake_flow.studio.layout import Area


def command(**more: bool) -> list[str]:
    """The command line of a browser."""
    return chromium.specification(Path("/own"), Area(0, 0, 640, 360), AllowedHosts(), {}, {}, **more).command()


def test_no_port_is_opened_and_pages_are_confined() -> None:
    """It is driven through a pipe, and only the operator can do without the kernel."""
    words = command()
    assert "--remote-debugging-pipe" in words
    assert not [word for word in words if word.startswith(("--remote-debugging-port", "--no-sandbox"))]
    assert "--no-sandbox" in command(sandbox=False)


@pytest.mark.parametrize(("user", "changes"), [(0, True), (1000, False)])
def test_root_gives_it_another_user(monkeypatch: pytest.MonkeyPatch, user: int, changes: bool) -> None:
    """It ends with us all the same: the kernel forgets that when the user changes, so it is said again."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    words = command()
    assert ("setpriv" in words) is changes
    if changes:
        assert words.index("--reuid=65533") < words.index("--pdeathsig") < words.index("chromium")


@pytest.mark.parametrize(
    "line",
    [
        "[1:1:ERROR:zygote_host_impl_linux.cc:130] No usable sandbox! If this is a Debian system, please install",
        "Failed to move to new namespace: PID namespaces supported, but failed: errno = Operation not permitted",
        "setpriv: setresuid failed: Invalid argument",
    ],
)
def test_a_machine_that_does_not_confine_it_is_told_so(line: str) -> None:
    """Trying again would not help, and the hint says what does."""
    found = programs.lasting_failure("chromium", 1, [line], dict(os.environ))
    assert isinstance(found, HostError)
    assert "export RETAKE_FLOW_SANDBOX=off" in found.hint or "not root" in found.hint
