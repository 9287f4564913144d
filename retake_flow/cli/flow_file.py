"""Flow file: finds, reads and checks a flow that the user named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retake_flow.cli.check_cache import CheckCache

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from pathlib import Path

    from retake_flow.flow.diagnostics import Problem
    from retake_flow.flow.load.load import Loaded
    from retake_flow.flow.model import Flow
    from retake_flow.settings import Settings

#: Mistakes that leave it clear what a flow does on each of its paths.
_SUPERFLUOUS = frozenset({"RF051", "RF060", "RF061"})


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

    A check that finds nothing is remembered for the same texts and program.

    Args:
        name: A file, or the name of a shipped flow.
        settings: Name the folder of the check cache.
        outside: Folders and files beyond its own folder that the flow may name.
    """
    path, content = read(name)
    allowed = _allowed_files(outside)
    verdicts = CheckCache(settings.cache_folder)
    if verdicts.known_good(content, str(path), allowed):
        return ()
    from retake_flow.actions.registry import CATALOGUE
    from retake_flow.flow.check.check import check
    from retake_flow.flow.diagnostics import errors
    from retake_flow.flow.load.load import read_bytes

    loaded = read_bytes(content, str(path), allowed=allowed)
    found = check(loaded, CATALOGUE)
    if loaded.flow is None or loaded.problems or any(problem.code not in _SUPERFLUOUS for problem in errors(found)):
        return found
    from retake_flow.flow.check.attribution import attribute
    from retake_flow.flow.rules.check import problems as broken
    from retake_flow.flow.rules.load import uses

    def by_rules(loaded: Loaded) -> set[Problem]:
        return set() if loaded.flow is None else set(broken(loaded.flow, CATALOGUE))

    found = tuple(sorted({*found, *attribute(by_rules(loaded), loaded, by_rules)}))
    if not found:
        verdicts.remember(content, (*loaded.flow.sources.uses(), *uses(loaded.flow)))
    return found


def open_flow(name: str, settings: Settings, outside: Iterable[str] = (), *, tolerated: Container[str] = ()) -> Flow:
    """A flow that is ready to run.

    Args:
        name: A file, or the name of a shipped flow.
        settings: Name the folder of the check cache.
        outside: Folders and files beyond its own folder that the flow may name.
        tolerated: The codes of mistakes that are ignored.

    Raises:
        Problems: The flow has mistakes.
        UsageError: The flow does not exist.
    """
    from retake_flow.flow.diagnostics import Problems, errors
    from retake_flow.flow.load.load import read_bytes

    found = problems(name, settings, outside)
    if any(problem.code not in tolerated for problem in errors(found)):
        raise Problems(errors(found))
    path, content = read(name)
    loaded = read_bytes(content, str(path), known_good=True, allowed=_allowed_files(outside))
    if loaded.flow is None or loaded.problems:
        raise Problems(loaded.problems)
    return loaded.flow


def _allowed_files(outside: Iterable[str]) -> tuple[str, ...]:
    if not outside:
        return ()
    from retake_flow.flow.text import locate

    return locate.resolve_places(outside)
