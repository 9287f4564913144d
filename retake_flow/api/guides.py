"""Guides: the published versions of the platform's guide, kept for people to read and compare.

They are text for people: nothing in them is ever acted on.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from retake_flow import private_file
from retake_flow.errors import GuideUnkept
from retake_flow.quick_dataclasses import dataclass
from retake_flow.sanitize import strip_controls

if TYPE_CHECKING:  # slow to import, and not needed to read what is kept
    from packaging.version import Version

    from retake_flow.api.client import RetakeClient

#: The number of versions kept, the newest ones.
MOST_KEPT: Final = 10
#: The most lines of a text that are compared; a guide has some hundreds.
MOST_COMPARED: Final = 4000
_MOST_HEADINGS = 6
_LONGEST_HEADING = 60
_SEEN = "seen.json"


@dataclass(frozen=True, slots=True)
class Difference:
    """The changes between two versions.

    Attributes:
        lines: As `diff -u` writes them, without control characters.
        headings: The changed sections, in their order.
    """

    lines: tuple[str, ...]
    added: int
    removed: int
    headings: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The difference in one sentence."""
        if not (self.added or self.removed):
            return "Its text has not changed."
        shown = [f"“{heading}”" for heading in self.headings[:_MOST_HEADINGS]]
        more = len(self.headings) - len(shown)
        where = f" under {', '.join(shown)}" if shown else ""
        return f"Lines added: {self.added}, removed: {self.removed}{where}{f' and {more} more' if more > 0 else ''}."


class Guides:
    """The guides kept in a folder.

    Args:
        folder: The folder; created when something is stored.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, version: str) -> Path:
        """The file of a version, whether or not it exists."""
        name = "".join(sign if sign.isalnum() or sign in ".-_" else "_" for sign in version)[:40]
        return self._folder / f"guide-{name}.md"

    def text(self, version: str) -> str | None:
        """The text of a version, if it is kept."""
        try:
            return self.path(version).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def versions(self) -> list[str]:
        """The stored versions, the oldest first."""
        found = (file.name.removeprefix("guide-").removesuffix(".md") for file in self._folder.glob("guide-*.md"))
        return sorted(found, key=_order)

    @property
    def last_seen(self) -> tuple[str, float] | None:
        """The version published at the last look, and the time of that look (epoch seconds)."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads((self._folder / _SEEN).read_text(encoding="utf-8"))
            return str(data["version"]), float(data["at"])
        return None

    async def look_up_version(self, client: RetakeClient, now: float) -> str:
        """Look up the version that is published now.

        Raises:
            PlatformError: The platform does not say.
        """
        version = await client.guide_version()
        with suppress(GuideUnkept):
            self._keep(self._folder / _SEEN, json.dumps({"version": version, "at": now}))
        return version

    async def fetch_text(self, client: RetakeClient, version: str) -> Path:
        """Make sure that the text of the published version is stored; it is requested only once.

        Raises:
            PlatformError: The text cannot be fetched.
            GuideUnkept: The text cannot be stored.
        """
        path = self.path(version)
        if not path.exists():
            self._keep(path, await client.guide())
            with suppress(OSError):  # another process may remove them too
                by_age = sorted(self._folder.glob("guide-*.md"), key=lambda file: file.stat().st_mtime_ns)
                for old in by_age[:-MOST_KEPT]:
                    old.unlink(missing_ok=True)
        return path

    def before(self, version: str, wanted: str = "") -> str:
        """The version to compare another with: the wanted one if stored, else the next older; "" if there is none."""
        others = [each for each in self.versions() if self.path(each) != self.path(version)]
        if any(self.path(each) == self.path(wanted) for each in others):
            return wanted
        older = [each for each in others if _order(each) < _order(version)]
        return older[-1] if older else ""

    def difference(self, old: str, new: str) -> Difference | None:
        """The changes between two versions; None when one of them is not stored."""
        before, after = self.text(old), self.text(new)
        return None if before is None or after is None else compare(before, after, old, new)

    def _keep(self, path: Path, text: str) -> None:
        try:
            private_file.replace(path, text.encode("utf-8", "replace"))
        except OSError as error:
            raise GuideUnkept(f"the platform's guide cannot be kept in {path}: {error.strerror}") from error


def compare(before: str, after: str, old: str = "before", new: str = "after") -> Difference:
    """The difference between two texts."""
    import difflib

    was, now = _lines(before), _lines(after)
    lines = tuple(difflib.unified_diff(was, now, f"guide {old}", f"guide {new}", lineterm=""))
    sections: dict[str, None] = {}
    for tag, _, _, first, last in difflib.SequenceMatcher(None, was, now).get_opcodes():
        if tag != "equal":
            sections |= dict.fromkeys(_headings(now, first, last))
    signs = [line[:1] for line in lines[2:]]
    return Difference(lines, signs.count("+"), signs.count("-"), tuple(sections))


def same(published: str, written_for: str) -> bool:
    """Whether two versions are the same, in any spelling."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(published) == Version(written_for)
    except InvalidVersion:
        return published == written_for


def _lines(text: str) -> list[str]:
    return strip_controls(text).splitlines()[:MOST_COMPARED]


def _headings(lines: list[str], first: int, last: int) -> list[str]:
    """The headings of the sections that contain some lines."""
    begins = next((number for number in range(min(first, len(lines) - 1), -1, -1) if _HEADING.match(lines[number])), 0)
    found = (_HEADING.match(line) for line in lines[begins : max(last, begins + 1)])
    return [match[1].strip(" *#_")[:_LONGEST_HEADING] for match in found if match]


_HEADING = re.compile(r"#{1,6} +(\S.*)")


def _order(version: str) -> tuple[int, Version, str]:
    from packaging.version import InvalidVersion, Version

    try:
        return 1, Version(version), version
    except InvalidVersion:
        return 0, Version("0"), version
