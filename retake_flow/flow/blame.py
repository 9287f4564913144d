"""Whose mistake it is: that of a flow which is extended, or that of the overlay which has made it one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from retake_flow.flow.load import Extension, Loaded
from retake_flow.flow.problems import Problem
from retake_flow.flow.source import Path


def blamed(found: set[Problem], loaded: Loaded, check: Callable[[Loaded], set[Problem]]) -> set[Problem]:
    """Problems, each in the file that is at fault.

    What stands in a flow that is extended and is wrong by itself is told there. What is wrong only since an overlay
    has changed something else is told in the overlay.

    Args:
        found: The problems, each where it is written.
        loaded: The flow that has them.
        check: Finds the problems of a flow, each where it is written.
    """
    extension = loaded.extension
    if extension is None:
        return found
    theirs = {problem for problem in found if problem.position.file in extension.files}
    if not theirs:
        return found
    base = extension.base()
    old = theirs & check(base)
    source = extension.source
    paths = {at: path for places in (source.values, source.keys) for path, at in places.items()}
    moved = {_moved(problem, extension, paths.get(problem.position, ())) for problem in theirs - old}
    return (found - theirs) | moved | blamed(old, base, check)


def _moved(problem: Problem, extension: Extension, path: Path) -> Problem:
    """A problem of what is written at a path, told in the overlay.

    Where that has changed the state, activity or input around the path, or else where it names what it extends.
    """
    at = extension.at
    for length in range(len(path), 1, -1):
        key = extension.source.key(path[:length])
        if path[length - 2] in ("states", "activities", "inputs") and key.file == at.file:
            at = key
            break
    return replace(problem, position=at, message=f"{problem.message} ({problem.position})")
