"""Locates the files of flows: by path or the name of a shipped flow, in the folders that a flow may name."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from retake_flow import plain_file
from retake_flow.errors import UsageError
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.quick_dataclasses import dataclass
from retake_flow.sanitize import cut, one_line

_PACKAGE = Path(__file__).resolve().parents[2]
# In a wheel, the flows are inside the package; in a checkout, next to it.
_PLACES = (_PACKAGE / "_shipped", _PACKAGE.parent)
_SHELVES = tuple(place / "flows" for place in _PLACES)
#: The folders of the shipped flows.
SHELVES = tuple(map(str, _SHELVES))


def shipped_flows() -> dict[str, Path]:
    """The flows that come with the program, by file name."""
    return {file.name: file for shelf in _SHELVES if shelf.is_dir() for file in sorted(shelf.glob("*.yaml"))}


def schema_file() -> Path:
    """The JSON Schema of flow files, for editors."""
    return _shipped("schemas", "flow.schema.json")


def skill_file() -> Path:
    """The Agent Skill: instructions for AI agents that use the program."""
    return _shipped("skills", "retake-flow", "SKILL.md")


def platform_rules() -> Path:
    """The file with the rules of the platform."""
    return _shipped("flows", "rules", "platform.yaml")


def _shipped(*way: str) -> Path:
    files = [place.joinpath(*way) for place in _PLACES]
    return next((file for file in files if file.is_file()), files[0])


def _near(path: Path) -> str:
    """A neighbouring file with the same name and another extension; "" if there is none."""
    with suppress(OSError, ValueError):
        for ending in (".yaml", ".yml", ".YAML", ".YML"):
            if (beside := path.with_suffix(ending)).is_file():
                return str(beside)
    return ""


def find(name: str, folder: Path = Path()) -> Path:
    """The file that a name means: a path relative to a folder, or a shipped flow (`go-live.yaml` or `go-live`).

    Raises:
        UsageError: There is no such file.
    """
    if not name.strip():
        raise UsageError("the name of a flow is empty", hint="write a file, or a shipped flow such as go-live.yaml")
    path = folder / name
    try:
        if path.is_file():
            return path
        if path.is_dir():
            raise UsageError(f"{one_line(name)} is a folder, not a flow")
        if path.exists():
            raise UsageError(f"{one_line(name)} is not a plain file")
    except OSError as error:
        raise UsageError(f"{cut(name)!r} is not a file: {error.strerror}") from None
    flows = shipped_flows()
    found = flows.get(name) or flows.get(f"{name}.yaml")
    if found is None and (near := _near(path)):
        raise UsageError(f"there is no file {name!r}", hint=f"did you mean {near!r}?")
    if found is None:
        raise UsageError(
            f"there is no flow {name!r}", hint=did_you_mean(name, flows, f"shipped are: {', '.join(sorted(flows))}")
        )
    return found


#: The option that allows more places.
OPTION = "--allow-outside"


@dataclass(frozen=True, slots=True)
class Folders:
    """The allowed places of files.

    Attributes:
        own: The folder of the flow on the command line, with links resolved.
        allowed: Further folders and files that the command line allows, with links resolved.
    """

    own: str
    allowed: tuple[str, ...] = ()

    @classmethod
    def beside(cls, file: str | os.PathLike[str], allowed: Iterable[str] = ()) -> Folders:
        """The places that the flow in a file may name."""
        return cls(_resolve(os.path.dirname(file) or "."), tuple(allowed))

    def require(self, path: str | os.PathLike[str], *, file: bool = False) -> None:
        """Require that a file may be opened; the targets of links count.

        The hint allows its folder, or only the file itself (`file`).

        Raises:
            UsageError: It may not be opened.
        """
        place = _resolve(path)
        if any(_within(place, folder) for folder in (self.own, *self.allowed, *SHELVES)):
            return
        named = shlex.quote(place if file else os.path.dirname(place))
        raise UsageError(
            f"{one_line(os.fspath(path))} is outside of the flow's folder",
            hint=f"a flow names files in its own folder only; to allow this one, add {OPTION} {one_line(named)}",
        )

    def find(self, name: str, file: str) -> tuple[str, bytes]:
        """A flow next to the file that names it, or a shipped one, and its content.

        Raises:
            UsageError: There is none, or it may not be opened.
            OSError: It cannot be read.
        """
        self.require(Path(file).parent / name)
        path = find(name, Path(file).parent)
        return str(path), plain_file.read(path)


def resolve_places(given: Iterable[str]) -> tuple[str, ...]:
    """The places that the command line allows, with links resolved."""
    return tuple(dict.fromkeys(map(_resolve, given)))


def _resolve(path: str | os.PathLike[str]) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # contains a NUL: no such path exists
        raise UsageError(f"{os.fspath(path)!r} is no file") from None


def _within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip("/") + "/")
