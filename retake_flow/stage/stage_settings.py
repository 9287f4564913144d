"""Settings of the stage, such as its title, and the pictures in them, as data URIs since the stage loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from retake_flow import plain_file

LARGEST: Final = 350 << 10  # bytes
_KINDS: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


class Pictures:
    """The pictures that a run's stage may show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, name: str, *, anywhere: bool = False) -> str:
        """A picture as a data URI; "" for one that cannot be shown.

        Args:
            name: The name of a file in the flow's folder, or a data URI.
            anywhere: Whether it may be outside the flow's folder.
        """
        if name.startswith("data:image/"):
            return name
        try:
            path = (self._folder / name).resolve()
            return data_uri(path) if anywhere or path.is_relative_to(self._folder) else ""
        except (ValueError, OSError, RuntimeError):  # the last for a circle of links
            return ""


def data_uri(path: Path) -> str:
    """A picture's file as a data URI.

    Raises:
        ValueError: It is not a picture of a known kind, cannot be read, or is too large.
    """
    try:
        data = plain_file.read(path, LARGEST)
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be read") from None
    kind = next((kind for start, kind in _KINDS if data.startswith(start)), "")
    if not kind:
        raise ValueError("it is not a picture of a known kind")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


#: The settings of the stage, by name; an operator can set a page over it too.
NAMES: Final = ("title", "note", "ticker", "picture", "words", "agent", "theme")
PAGE: Final = "page"
_MERGED: Final = ("agent", "theme", "words")


class Settings:
    """Three layers: the content's initial settings, the flow's, and the operator's."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._first: dict[str, Any] = {}
        self._flow: dict[str, Any] = {}
        self._operator: dict[str, Any] = {}
        self._until: dict[str, float] = {}  # when settings of the operator end, by name

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Take what the content begins with."""
        self._first = merge({}, self._load_pictures(settings))

    def apply(self, record: Mapping[str, Any], at: float) -> None:
        """Apply a record `scene_set`."""
        asked = "request" in record
        settings = self._load_pictures(record.get("data") or {}, anywhere=asked)
        if record.get("clear"):
            self._uncover()
        elif asked:
            self._operator = merge(self._operator, settings)
            ends = dict.fromkeys(settings, at + record["for"]) if record.get("for") else {}
            self._until = {name: end for name, end in self._until.items() if name not in settings} | ends
        else:
            self._flow = merge(self._flow, settings)

    def at(self, now: float) -> dict[str, Any]:
        """The settings at a time."""
        for name in [name for name, end in self._until.items() if now >= end]:
            del self._until[name]
            self._operator.pop(name, None)
        return merge(merge(self._first, self._flow), self._operator)

    def due(self, now: float) -> float | None:
        """When the operator's settings end; None when they do not."""
        return min((end for end in self._until.values() if end > now), default=None)

    def _uncover(self) -> None:
        self._operator, self._until = {}, {}

    def _load_pictures(self, settings: Mapping[str, Any], *, anywhere: bool = False) -> dict[str, Any]:
        names = (*NAMES, PAGE) if anywhere else NAMES
        found = {name: value for name, value in settings.items() if name in names}
        if found.get("picture"):
            found["picture"] = self._pictures.load(str(found["picture"]), anywhere=anywhere)
        agent = found.get("agent")
        if isinstance(agent, Mapping) and agent.get("picture"):
            found["agent"] = {**agent, "picture": self._pictures.load(str(agent["picture"]), anywhere=anywhere)}
        return found


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge settings over others; an empty value removes a setting."""
    found = dict(under)
    for name, value in over.items():
        if name in _MERGED and isinstance(value, Mapping):
            found[name] = {**found.get(name, {}), **value}
        elif value in (None, "", []):
            found.pop(name, None)
        else:
            found[name] = value
    return found
