"""The playbook of a language model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retake_flow.errors import ResponderMissing
from retake_flow.responders.language_model.playbook import playbook


def test_points_of_the_flow_come_before_those_of_the_file(tmp_path: Path) -> None:
    """The file is found beside the flow's; either may be left out."""
    (tmp_path / "owl.md").write_text("Be brief.\nBe kind.\n")
    assert playbook({}, tmp_path) == ()
    assert playbook({"playbook": ["a"], "playbook_file": "owl.md"}, tmp_path) == ("a", "Be brief.\nBe kind.\n")


def test_a_file_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    """Not there, a folder, too large, not text: each in one sentence with its path."""
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, said in (("none", "there is no file"), (".", "it is a folder"), ("large", "larger than 64 KiB"),
                       ("binary", "is not UTF-8 text")):  # fmt: skip
        with pytest.raises(ResponderMissing, match=said) as raised:
            playbook({"playbook_file": name}, tmp_path)
        assert str(tmp_path) in raised.value.message


def test_a_file_elsewhere_has_to_be_allowed(tmp_path: Path) -> None:
    """Where a link leads counts; a pipe is not waited for."""
    folder, elsewhere = tmp_path / "own", tmp_path / "elsewhere.md"
    folder.mkdir()
    elsewhere.write_text("Be brief.", encoding="utf-8")
    (folder / "link.md").symlink_to("../elsewhere.md")
    os.mkfifo(folder / "pipe.md")
    for name in ("../elsewhere.md", "link.md", str(elsewhere)):
        with pytest.raises(ResponderMissing, match="outside of the flow's folder") as raised:
            playbook({"playbook_file": name}, folder)
        assert f"--allow-outside {elsewhere}" in raised.value.hint
        assert playbook({"playbook_file": name}, folder, [str(elsewhere)]) == ("Be brief.",)
    with pytest.raises(ResponderMissing, match="it is not a plain file"):
        playbook({"playbook_file": "pipe.md"}, folder)
