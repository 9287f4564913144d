"""Reading the platform's guide."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cli_command import Command

from retake_flow.api import client
from retake_flow.errors import Unreachable
from retake_flow.wiring.guide import FRESH


@pytest.fixture
def guides(tmp_path: Path, folder: Path) -> Path:
    """The folder of the guides, in which two are."""
    kept = tmp_path / "home" / "retake-flow" / "guides"
    kept.mkdir(parents=True)
    (kept / "guide-2.1.2.md").write_text("# Guide\nold\n")
    (kept / "guide-2.1.10.md").write_text("# Guide\nnew \x1b[31mred\n")
    seen(kept, time.time())
    return kept


def seen(guides: Path, at: float) -> None:
    """Somebody looked then."""
    (guides / "seen.json").write_text(json.dumps({"version": "2.1.10", "at": at}))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What retake.tv was asked; it does not answer."""
    calls: list[str] = []

    class Silent:
        def __init__(self, origin: str) -> None:
            self.origin = origin

        async def __aenter__(self) -> Silent:
            return self

        async def __aexit__(self, *_: object) -> None:
            return None

        async def guide_version(self) -> None:
            calls.append(self.origin)
            raise Unreachable("retake.tv could not be reached")

    monkeypatch.setattr(client, "RetakeClient", Silent)
    return calls


def test_the_newest_is_shown_and_nobody_is_asked_twice_a_day(command: Command, guides: Path, asked: list[str]) -> None:
    """A terminal obeys nothing in it."""
    said = command("guide")
    assert (said.code, said.out, asked) == (0, "# Guide\nnew red\n", [])


@pytest.mark.parametrize("words", [["--refresh"], []])
def test_what_is_kept_is_shown_when_retake_tv_is_silent(
    command: Command, guides: Path, asked: list[str], words: list[str]
) -> None:
    """It is asked after a day, or when a person wants it; that there was no answer is said beside."""
    if not words:
        seen(guides, time.time() - FRESH - 1)
    said = command("guide", *words)
    assert (said.code, said.out) == (0, "# Guide\nnew red\n")
    assert "could not be reached; this is the stored version" in said.err
    assert asked == ["https://retake.tv"]


def test_without_any_there_is_nothing_to_show(command: Command, asked: list[str]) -> None:
    """One message, no traceback."""
    said = command("guide")
    assert (said.code, said.out) == (1, "")
    assert said.err == "retake-flow: retake.tv could not be reached\n"


def test_the_difference_is_from_the_version_before(command: Command, guides: Path, asked: list[str]) -> None:
    """Or from a version that is named."""
    diff = command("guide", "--diff").out
    assert diff.splitlines()[:2] == ["--- guide 2.1.2", "+++ guide 2.1.10"]
    assert "+new red" in diff
    assert command("guide", "--since", "2.1.2").out == diff


def test_a_version_that_is_not_kept_is_named_with_those_that_are(
    command: Command, guides: Path, asked: list[str]
) -> None:
    """One message that says what can be compared."""
    said = command("guide", "--since", "1.0")
    assert said.code == 2
    assert "version 1.0 of the guide is not stored" in said.err
    assert "2.1.2, 2.1.10" in said.err


def test_where_nothing_can_be_compared_that_is_said(command: Command, guides: Path, asked: list[str]) -> None:
    """It is no mistake."""
    (guides / "guide-2.1.2.md").unlink()
    said = command("guide", "--diff")
    assert (said.code, said.out) == (
        0,
        "No version of the guide before 2.1.10 is stored, so there is nothing to compare.\n",
    )


def test_programs_get_one_object(command: Command, guides: Path, asked: list[str]) -> None:
    """With the text, or with the difference and its summary."""
    [read] = command("guide", "--json").records
    assert (read["version"], read["kept"], read["text"]) == ("2.1.10", ["2.1.2", "2.1.10"], "# Guide\nnew red")
    [diff] = command("guide", "--diff", "--json").records
    assert (diff["since"], diff["summary"]) == ("2.1.2", "Lines added: 1, removed: 1 under “Guide”.")
