"""Guides that are kept, version by version, and compared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from retake_flow.api.guides import MOST_COMPARED, MOST_KEPT, Guides, compare, same
from retake_flow.errors import GuideUnkept, Unreachable
from retake_flow.whatif.virtual_time import run

OLD = "# Guide\n\n## Chat\nPoll every 3 s.\nBe kind.\n\n## Stop\nCall stop.\n"
NEW = "# Guide\n\n## Chat\nPoll every 2 s.\nBe kind.\n\n## Stop\nCall stop.\n\n## Voice\nSpeak.\n"


class Publisher:
    """Publishes a version, and counts how often its text is asked for."""

    def __init__(self, version: str = "1.0", text: str = OLD) -> None:
        self.version, self.text, self.asked = version, text, 0

    async def guide_version(self) -> str:
        """As the protocol."""
        if not self.version:
            raise Unreachable
        return self.version

    async def guide(self) -> str:
        """As the protocol."""
        self.asked += 1
        return self.text


def fetch(guides: Guides, *publishers: Publisher) -> None:
    """Look at what each publishes, and keep it."""

    async def main() -> None:
        for by in publishers:
            await guides.fetch_text(by, await guides.look_up_version(by, 1000.0))

    run(main())


def test_a_version_is_fetched_once(tmp_path: Path) -> None:
    """What is kept is not asked for again; when somebody looked last is remembered."""
    guides, by = Guides(tmp_path), Publisher()
    fetch(guides, by, by)
    assert (guides.text("1.0"), by.asked) == (OLD, 1)
    assert guides.last_seen == ("1.0", 1000.0)


def test_versions_are_in_order(tmp_path: Path) -> None:
    """As versions, not as texts; what is no version comes first."""
    guides = Guides(tmp_path)
    fetch(guides, *(Publisher(version) for version in ("2.1.10", "2.1.2", "next")))
    assert guides.versions() == ["next", "2.1.2", "2.1.10"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """A platform that changes its guide all day fills no disk."""
    guides = Guides(tmp_path)
    for number in range(MOST_KEPT + 3):
        fetch(guides, Publisher(f"1.{number}"))
        os.utime(guides.path(f"1.{number}"), (number, number))
    assert guides.versions() == [f"1.{number}" for number in range(3, MOST_KEPT + 3)]


@pytest.mark.parametrize("version", ["../../x", "/etc/passwd", "a" * 999, "", ".."])
def test_a_version_is_no_path(tmp_path: Path, version: str) -> None:
    """What a platform calls its guide cannot lead out of the folder."""
    assert Guides(tmp_path).path(version).parent == tmp_path


def test_what_is_kept_is_for_its_owner(tmp_path: Path) -> None:
    """Nobody else can write what an operator is about to read."""
    guides = Guides(tmp_path)
    fetch(guides, Publisher())
    assert guides.path("1.0").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """Looking is possible all the same."""
    (tmp_path / "guides").write_text("in the way")
    guides = Guides(tmp_path / "guides")
    with pytest.raises(GuideUnkept, match="cannot be kept"):
        fetch(guides, Publisher())
    assert (guides.versions(), guides.last_seen, guides.text("1.0")) == ([], None, None)


@pytest.mark.parametrize("written", ["", "{", "[]", '{"version": "1"}', '{"version": "1", "at": "x"}'])
def test_a_damaged_memory_is_none(tmp_path: Path, written: str) -> None:
    """Somebody will look again."""
    (tmp_path / "seen.json").write_text(written)
    assert Guides(tmp_path).last_seen is None


@pytest.mark.parametrize(
    ("kept", "wanted", "before"),
    [
        (["1.0", "2.0", "3.0"], "", "2.0"),
        (["1.0", "2.0", "3.0"], "1.0", "1.0"),
        (["2.0", "3.0"], "1.0", "2.0"),
        (["3.0", "4.0"], "", ""),
        (["3.0"], "3.0", ""),
    ],
)
def test_a_guide_is_compared_with_the_one_before(tmp_path: Path, kept: list[str], wanted: str, before: str) -> None:
    """Or with the one that is wanted, when that is kept; never with itself."""
    guides = Guides(tmp_path)
    fetch(guides, *map(Publisher, kept))
    assert guides.before("3.0", wanted) == before


def test_a_difference_says_what_and_where() -> None:
    """As diff writes it, with the sections in which something has changed."""
    found = compare(OLD, NEW, "1.0", "2.0")
    assert found.lines[:2] == ("--- guide 1.0", "+++ guide 2.0")
    assert "-Poll every 3 s." in found.lines
    assert "+Poll every 2 s." in found.lines
    assert (found.added, found.removed, found.headings) == (4, 1, ("Chat", "Stop", "Voice"))
    assert found.summary == "Lines added: 4, removed: 1 under “Chat”, “Stop”, “Voice”."


def test_many_sections_are_counted() -> None:
    """A summary stays one sentence."""
    new = "".join(f"## Section {number}\ntext\n" for number in range(20))
    assert compare("", new).summary.endswith("“Section 5” and 14 more.")


def test_no_difference_is_said() -> None:
    """A version may change alone."""
    assert compare(OLD, OLD).summary == "Its text has not changed."


@pytest.mark.parametrize(("before", "after"), [("", ""), ("", OLD), (OLD, ""), ("a", "b"), ("no heading\n" * 9, "x")])
def test_any_two_texts_can_be_compared(before: str, after: str) -> None:
    """Empty ones and such without sections too."""
    found = compare(before, after)
    assert (found.added == found.removed == 0) == (before == after)


def test_a_terminal_obeys_nothing_in_a_difference() -> None:
    """The guide comes from elsewhere."""
    found = compare(OLD, OLD + "## \x1b]0;owned\x07Evil\n\x1b[2Jhello\u202e\n")
    assert "+hello" in found.lines
    assert not any("\x1b" in line or "\u202e" in line for line in (*found.lines, *found.headings))


def test_a_huge_guide_is_compared_as_far_as_it_is_of_use() -> None:
    """It takes no time to speak of."""
    before = "".join(f"line {number % 977}\n" for number in range(20_000))
    found = compare(before, before.replace("1", "2"))
    assert found.added <= MOST_COMPARED


@pytest.mark.parametrize(
    ("one", "other", "are"), [("2.1.2", "2.1.2.0", True), ("2.1.2", "2.1.10", False), ("a", "a", True)]
)
def test_versions_are_compared_as_versions(one: str, other: str, are: bool) -> None:
    """In whatever way they are written."""
    assert same(one, other) == are
