"""The user that runs what shows foreign content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retake_flow.errors import HostError
from retake_flow.studio import unprivileged


def test_a_folder_behind_a_closed_one_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a TMPDIR in the home of root; who is not root reaches all that is its own."""
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(HostError, match="lets only its owner in") as raised:
        unprivileged.require_reach(inner)
    assert "TMPDIR" in raised.value.hint
    unprivileged.require_reach(Path("/tmp"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    unprivileged.require_reach(inner)
