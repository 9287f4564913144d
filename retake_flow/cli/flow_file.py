"""Flow file: finds, reads and checks a flow that the user named, and remembers which texts passed the check."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retake_flow.flow.diagnostics import Problem
    from retake_flow.flow.load.load import Loaded
    from retake_flow.flow.model import Flow
    from retake_flow.flow.text.bundle import Use
    from retake_flow.settings import Settings

#: Mistakes after which the paths of a flow are still known.
_SUPERFLUOUS = frozenset({"RF051", "RF060", "RF061"})
#: The largest number of remembered texts.
_MOST = 500


def read(name: str) -> tuple[Path, bytes]:
    """The file and content of a flow.

    Raises:
        UsageError: The flow does not exist, or cannot be read.
    """
    from retake_flow.flow.text import locate

    path = locate.find(name)
    return path, content_of(path)


def content_of(file: str | Path, most: int = 4 << 20) -> bytes:
    """The content of a plain file that the user named, at most `most` bytes.

    Raises:
        UsageError: The file cannot be read.
    """
    from retake_flow import plain_file
    from retake_flow.errors import UsageError
    from retake_flow.sanitize import one_line

    try:
        return plain_file.read(file, most)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise UsageError(f"{one_line(str(file))} cannot be read: {said}") from None


def problems(name: str, settings: Settings, outside: Iterable[str] = ()) -> tuple[Problem, ...]:
    """All problems of a flow, including those found by the rules when its paths are known.

    The flow may name files in its own folder, and those in `outside`.

    A check that finds nothing is remembered for the same texts and program.
    """
    path, content = read(name)
    allowed = _allowed_files(outside)
    verdicts = CheckCache(settings.cache_folder)
    if verdicts.known_good(content, str(path), allowed):
        return ()
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.flow.check.check import check
    from retake_flow.flow.diagnostics import errors
    from retake_flow.flow.load.load import load

    loaded = load(content, str(path), allowed=allowed)
    found = check(loaded, CATALOGUE)
    if loaded.flow is None or loaded.problems or any(problem.code not in _SUPERFLUOUS for problem in errors(found)):
        return found
    from retake_flow.flow.check.check import attribute
    from retake_flow.flow.load.functions import installed_files
    from retake_flow.flow.rules.check import problems as broken
    from retake_flow.flow.rules.load import uses

    def by_rules(loaded: Loaded) -> set[Problem]:
        return set() if loaded.flow is None else set(broken(loaded.flow, CATALOGUE))

    found = tuple(sorted({*found, *attribute(by_rules(loaded), loaded, by_rules)}))
    if not found:
        verdicts.remember(
            content, (*loaded.flow.sources.uses(), *uses(loaded.flow)), installed_files(loaded.flow.actions)
        )
    return found


def open_flow(name: str, settings: Settings, outside: Iterable[str] = (), *, tolerated: Container[str] = ()) -> Flow:
    """A flow that is ready to run; mistakes of the `tolerated` codes are ignored.

    Raises:
        Problems: The flow has mistakes.
        UsageError: The flow does not exist.
    """
    from retake_flow.flow.diagnostics import Problems, errors
    from retake_flow.flow.load.load import load

    found = problems(name, settings, outside)
    if any(problem.code not in tolerated for problem in errors(found)):
        raise Problems(errors(found))
    path, content = read(name)
    loaded = load(content, str(path), known_good=True, allowed=_allowed_files(outside))
    if loaded.flow is None or loaded.problems:
        raise Problems(loaded.problems)
    return loaded.flow


def _allowed_files(outside: Iterable[str]) -> tuple[str, ...]:
    if not outside:
        return ()
    from retake_flow.flow.text import locate

    return locate.resolve_places(outside)


class CheckCache:
    """Cache of passed checks, kept as small files in the cache folder. A lost file only costs another check.

    A verdict holds for one text, the texts of its sub-flows and rules, and one state of the program. Its key is made of
    the text, and of where the package and the platform's rules are. Its file lists the modules that led to it, and
    those of installed packages whose functions the flow names, with a digest of their sizes and times, and the
    sub-flows and rules it holds for. Another module did not affect it.
    """

    def __init__(self, cache_folder: Path) -> None:
        self._folder = cache_folder / "checked"

    def known_good(self, content: bytes, file: str = "", allowed: Sequence[str] = ()) -> bool:
        """Whether this program already checked this text, with the sub-flows next to its file, and found no mistake."""
        try:
            known = json.loads(self._file(content).read_text(encoding="utf-8"))
            return _state(known["program"]) == known["state"] and _same(file, known["uses"], allowed)
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def remember(self, content: bytes, uses: Sequence[Use] = (), modules: Sequence[str] = ()) -> None:
        """Remember that the check found no mistake, with the files of modules that it read but did not import.

        A cache that cannot be written is ignored.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            known = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
            for old in known[:-_MOST]:
                old.unlink(missing_ok=True)
            program = [*_program(), *modules]
            found = {"program": program, "state": _state(program), "uses": list(uses)}
            self._file(content).write_text(json.dumps(found), encoding="utf-8")
        except OSError:
            return

    def _file(self, content: bytes) -> Path:
        from retake_flow.flow.text import locate

        judge = f"{os.path.dirname(__file__)}\0{locate.platform_rules()}\0".encode()
        return self._folder / hashlib.sha256(judge + content).hexdigest()


def _same(file: str, uses: Sequence[Use], allowed: Sequence[str]) -> bool:
    """Whether names, each relative to the file before it, lead from a flow's file to the texts of these digests."""
    if not uses:
        return True
    from retake_flow.errors import RetakeFlowError
    from retake_flow.flow.text.locate import Folders

    within = Folders.beside(file, allowed)
    try:
        for names, name, digest in uses:
            path, content = file, b""
            for each in (*names, name):
                path, content = within.find(each, path)
            if hashlib.sha256(content).hexdigest() != digest:
                return False
    except RetakeFlowError:
        return False
    return True


def _program() -> list[str]:
    """The files that a verdict of this process depends on: imported modules of this package, and the platform rules."""
    from retake_flow.flow.text import locate

    modules = [module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] == "retake_flow"]
    return [*filter(None, modules), str(locate.platform_rules())]


def _state(files: Iterable[str]) -> str:
    """A digest of the sizes and times of files."""
    states = ((file, os.stat(file)) for file in files)
    lines = [f"{file}:{status.st_mtime_ns}:{status.st_size}" for file, status in states]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
