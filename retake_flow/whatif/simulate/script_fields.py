"""Reads data from outside, key by key: each mistake says where it is, what was expected and what to do.

Places are looked up by name: a state by its path, an activity by its key, or the end of either.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from math import isfinite
from typing import Any, TypeVar

from retake_flow.flow import duration
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.model import Flow
from retake_flow.flow.names import is_called
from retake_flow.flow.text.tree import Path
from retake_flow.sanitize import cut

_LONGEST = 60


class InvalidField(ValueError):
    """A value from outside is not as expected.

    Attributes:
        key: Whether the mistake is in the key there, not in its value.
    """

    def __init__(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        super().__init__(message)
        self.key = key
        self.path = path
        self.message = message
        self.hint = hint


class Part:
    """One mapping in the data."""

    def __init__(self, data: Any, path: Path, known: Collection[str], required: Collection[str] = ()) -> None:
        """Take a mapping.

        Raises:
            InvalidField: The data is not a mapping, or has an unknown key, or lacks a required one.
        """
        if not isinstance(data, Mapping):
            raise InvalidField(path, f"expected a mapping of {', '.join(known)}, not {shorten(data)}")
        for key in data:
            if key not in known:
                raise InvalidField(
                    (*path, key), f"there is no key {shorten(key)} here", did_you_mean(key, known), key=True
                )
        for key in required:
            if key not in data:
                raise InvalidField(path, f"{key!r} is missing")
        self._data = data
        self._path = path

    def text(self, key: str, otherwise: str = "") -> str:
        """The text of a key."""
        value = self._data.get(key, otherwise)
        if not isinstance(value, str):
            raise InvalidField((*self._path, key), f"{key!r} must be a text, not {shorten(value)}")
        return value

    def whole(self, key: str) -> int | None:
        """The whole number of a key; None if it is missing."""
        value = self._data.get(key)
        if key in self._data and (not isinstance(value, int) or isinstance(value, bool)):
            raise InvalidField((*self._path, key), f"{key!r} must be a whole number, not {shorten(value)}")
        return value

    def seconds(self, key: str) -> float | None:
        """The duration of a key; None if it is missing."""
        if key not in self._data:
            return None
        return seconds(self._data[key], (*self._path, key))

    def mapping(self, key: str) -> Mapping[str, Any]:
        """The mapping of a key; empty if it is missing."""
        value = self._data.get(key, {})
        if not isinstance(value, Mapping):
            raise InvalidField((*self._path, key), f"{key!r} must be a mapping, not {shorten(value)}")
        return value

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def __getitem__(self, key: str) -> Any:
        return self._data[key]


def seconds(value: Any, path: Path) -> float:
    """The seconds of a duration.

    Raises:
        InvalidField: The value is not a duration.
    """
    try:
        found = duration.seconds(value)
    except (ValueError, OverflowError):
        found = -1.0
    if not (isfinite(found) and found >= 0):
        hint = "write for example 2s, 1h30m, 500ms, or a number of seconds"
        raise InvalidField(path, f"{shorten(value)} is not a duration", hint)
    return found


def shorten(value: Any) -> str:
    """A value for a message, shortened."""
    if isinstance(value, Mapping | list):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    return cut(json.dumps(value, ensure_ascii=False, default=str), _LONGEST)


T = TypeVar("T")


def matching(name: str, places: Iterable[str]) -> list[str]:
    """The places that a name means: the exact match, or else all that end with it."""
    found = [place for place in places if is_called(place, name)]
    return [name] if name in found else found


def resolve(name: str, known: Mapping[str, T], path: Path, *, key: bool = False) -> T | None:
    """The value at the place that a name means; None if there is no such place.

    `path` is where the name is written, as a key there or as a value.

    Raises:
        InvalidField: The name is ambiguous.
    """
    found = matching(name, known)
    if len(found) > 1:
        hint = "write its full name"
        raise InvalidField(path, f"{name!r} may be any of {', '.join(found)}", hint, key=key)
    return known[found[0]] if found else None


def action_places(flow: Flow) -> dict[str, str]:
    """The places of a flow where an action is performed, with the action."""
    return {doing.key: doing.do for doing in flow.performers()}
