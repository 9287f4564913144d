"""Remembering which flows were found good."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from retake_flow.cli import verdicts
from retake_flow.cli.verdicts import Verdicts


def test_a_good_text_is_remembered(tmp_path: Path) -> None:
    """What was found to be good is known, and nothing else is."""
    Verdicts(tmp_path).remember(b"flow: a")
    assert Verdicts(tmp_path).known_good(b"flow: a")
    assert not Verdicts(tmp_path).known_good(b"flow: b")
    assert not Verdicts(tmp_path / "other").known_good(b"flow: a")


def test_another_program_knows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict holds for the program that gave it: when a module has changed, the text is checked anew."""
    Verdicts(tmp_path).remember(b"flow: a")
    monkeypatch.setattr(verdicts, "_modules", lambda folder: iter(["changed.py:1:2\n"]))
    assert not Verdicts(tmp_path).known_good(b"flow: a")


def test_a_changed_module_is_noticed(tmp_path: Path) -> None:
    """The modules of a folder are told apart by name, size and time, in folders inside it too."""
    (tmp_path / "inner").mkdir()
    module = tmp_path / "inner" / "a.py"
    module.write_text("x = 1")
    before = list(verdicts._modules(str(tmp_path)))
    module.write_text("x = 12")
    (tmp_path / "inner" / "notes.txt").write_text("no module")
    after = list(verdicts._modules(str(tmp_path)))
    assert len(before) == len(after) == 1
    assert before != after


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    """Losing verdicts costs a check and never an error."""
    (tmp_path / "file").touch()
    cache = Verdicts(tmp_path / "file")
    cache.remember(b"flow: a")
    assert not cache.known_good(b"flow: a")


def test_the_cache_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many verdicts the oldest are forgotten."""
    monkeypatch.setattr(verdicts, "_MOST", 3)
    cache = Verdicts(tmp_path)
    for number in range(10):
        cache.remember(b"%d" % number)
    assert cache.known_good(b"9")
    assert len(list((tmp_path / "checked").iterdir())) <= 4


def test_a_changed_sub_flow_makes_a_verdict_worthless(tmp_path: Path) -> None:
    """A flow that was good is checked anew when a flow that runs in it has changed, has gone, or is another one."""
    inner, cache = tmp_path / "inner.yaml", Verdicts(tmp_path / "cache")
    inner.write_text("flow: inner")
    cache.remember(b"flow: a", [("", "inner.yaml", sha256(b"flow: inner").hexdigest())])
    assert cache.known_good(b"flow: a", str(tmp_path / "a.yaml"))
    assert not cache.known_good(b"flow: a", str(tmp_path / "elsewhere" / "a.yaml"))
    inner.write_text("flow: changed")
    assert not cache.known_good(b"flow: a", str(tmp_path / "a.yaml"))
    inner.unlink()
    assert not cache.known_good(b"flow: a", str(tmp_path / "a.yaml"))
