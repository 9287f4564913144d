"""Attributes each problem to the file at fault: the overlay, or the flow that it extends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from retake_flow.flow.diagnostics import Position, Problem
from retake_flow.flow.load.load import Extension, Loaded
from retake_flow.flow.overlay.tree import path_of
from retake_flow.flow.text.yaml_source import Path

_UNKNOWN = re.compile(r"'(inputs|outputs)\.(\w+)")
#: The keys that an overlay changes piece by piece, and those that only describe the overlay itself.
_HOLDERS = ("states", "activities", "inputs")
_IDENTITY = ("flow", "version", "description")


def attribute(found: set[Problem], loaded: Loaded, check: Callable[[Loaded], set[Problem]]) -> set[Problem]:
    """Problems, each attributed to the file at fault.

    A problem that the extended flow has by itself is reported there. A problem that exists only because of an overlay's
    change is reported in the overlay.

    `check` finds the problems of a flow, each at its place in the text.
    """
    extension = loaded.extension
    if extension is None:
        return found
    files = extension.files
    theirs = {problem for problem in found if problem.position.file in files}
    if not theirs:
        return found
    base = extension.base()
    old = theirs & check(base)
    source = extension.source
    paths = {at: path for places in (source.values, source.keys) for path, at in places.items()}
    touched = _changed_places(extension)
    moved = {_reattribute(problem, extension, touched, paths.get(problem.position, ())) for problem in theirs - old}
    return (found - theirs) | moved | attribute(old, base, check)


def _changed_places(extension: Extension) -> dict[Path, Position]:
    """What an overlay changes, adds or removes, and where; of nested changes, the innermost."""
    source, file = extension.source, extension.at.file
    changed = {path: at for path, at in source.keys.items() if at.file == file and _counts(path)}
    every = changed | source.removed
    around = {path[:length] for path in every for length in range(len(path))}
    return {path: at for path, at in every.items() if path not in around}


def _counts(path: Path) -> bool:
    if len(path) == 1:
        return path[0] not in (*_HOLDERS, *_IDENTITY)
    return len(path) > 1 and path[-2] in _HOLDERS


def _reattribute(problem: Problem, extension: Extension, touched: dict[Path, Position], path: Path) -> Problem:
    """A problem at a path, moved to the overlay.

    It moves to where the overlay removes the missing name, changes the state, activity or input around the path, or is
    the only possible reason; else to where the overlay names the flow that it extends.
    """
    reasons = (
        _removal_places(problem, extension),
        _changes_around(extension, path),
        set(touched.values()),
        _changes_on_path(problem, touched),
    )
    at = next((next(iter(places)) for places in reasons if len(places) == 1), extension.at)
    return replace(problem, position=at, message=f"{problem.message} ({problem.position})")


def _removal_places(problem: Problem, extension: Extension) -> set[Position]:
    """Where the overlay removes an input or a state that an expression still names."""
    unknown = _UNKNOWN.search(problem.message) if problem.code == "RF031" else None
    if unknown is None:
        return set()
    end = ("states" if unknown[1] == "outputs" else "inputs", unknown[2])
    return {at for path, at in extension.source.removed.items() if path[-2:] == end}


def _changes_around(extension: Extension, path: Path) -> set[Position]:
    """Where the overlay changes the innermost state, activity or input around a path."""
    for length in range(len(path), 1, -1):
        key = extension.source.key(path[:length])
        if path[length - 2] in _HOLDERS and key.file == extension.at.file:
            return {key}
    return set()


def _changes_on_path(problem: Problem, touched: dict[Path, Position]) -> set[Position]:
    """Where the overlay changes states that a run enters before it breaks a rule."""
    entered = {path_of(state) for move in problem.path for state in move["entered"]}
    return {at for path, at in touched.items() if path in entered or _scope(path) in entered}


def _scope(path: Path) -> Path:
    """The path in the file of the state whose activity is at a path."""
    return path[:-2] if path[-2:-1] == ("activities",) else ()
