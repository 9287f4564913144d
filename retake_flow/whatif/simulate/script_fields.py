"""Reading what came from outside, key by key: each mistake says where it is, what was expected and what to do."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from math import isfinite
from typing import Any

from retake_flow.flow import duration
from retake_flow.flow.diagnostics import did_you_mean
from retake_flow.flow.text.yaml_source import Path

_LONGEST = 60


class Unfit(ValueError):
    """A value from outside is not what is expected there.

    Attributes:
        path: Where it is in the data.
        key: Whether it is the key there, not its value.
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

        Args:
            data: What should be one.
            path: Where it is.
            known: The keys that it may have.
            required: Those that it must have.

        Raises:
            Unfit: It is no mapping, or has a wrong key, or lacks one.
        """
        if not isinstance(data, Mapping):
            raise Unfit(path, f"a mapping of {', '.join(known)} is expected, not {shown(data)}")
        for key in data:
            if key not in known:
                raise Unfit((*path, key), f"there is no key {shown(key)} here", did_you_mean(key, known), key=True)
        for key in required:
            if key not in data:
                raise Unfit(path, f"{key!r} is missing")
        self._data = data
        self._path = path

    def text(self, key: str, otherwise: str = "") -> str:
        """The text of a key."""
        value = self._data.get(key, otherwise)
        if not isinstance(value, str):
            raise Unfit((*self._path, key), f"{key!r} must be a text, not {shown(value)}")
        return value

    def whole(self, key: str) -> int | None:
        """The whole number of a key; None when it is not there."""
        value = self._data.get(key)
        if key in self._data and (not isinstance(value, int) or isinstance(value, bool)):
            raise Unfit((*self._path, key), f"{key!r} must be a whole number, not {shown(value)}")
        return value

    def seconds(self, key: str) -> float | None:
        """The duration of a key; None when it is not there."""
        if key not in self._data:
            return None
        return seconds(self._data[key], (*self._path, key))

    def mapping(self, key: str) -> Mapping[str, Any]:
        """The mapping of a key; empty when it is not there."""
        value = self._data.get(key, {})
        if not isinstance(value, Mapping):
            raise Unfit((*self._path, key), f"{key!r} must be a mapping, not {shown(value)}")
        return value

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def __getitem__(self, key: str) -> Any:
        return self._data[key]


def seconds(value: Any, path: Path) -> float:
    """The seconds that a duration means.

    Raises:
        Unfit: It is none.
    """
    try:
        found = duration.seconds(value)
    except (ValueError, OverflowError):
        found = -1.0
    if not (isfinite(found) and found >= 0):
        hint = "write for example 2s, 1h30m, 500ms, or a number of seconds"
        raise Unfit(path, f"{shown(value)} is no duration", hint)
    return found


def shown(value: Any) -> str:
    """A value in a message, not too long."""
    if isinstance(value, Mapping | list):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
