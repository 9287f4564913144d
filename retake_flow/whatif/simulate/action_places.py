"""Looks up places by name: a state by its path, an activity by its key, or the end of either."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from retake_flow.flow.model import Flow
from retake_flow.flow.text.yaml_source import Path
from retake_flow.whatif.simulate.script_fields import InvalidField

T = TypeVar("T")


def matching(name: str, places: Iterable[str]) -> list[str]:
    """The places that a name means: the exact match, or else all that end with it."""
    known = list(places)
    if name in known:
        return [name]
    ending = re.compile(rf"[/:]{re.escape(name)}\Z")
    return [place for place in known if ending.search(place)]


def resolve(name: str, known: Mapping[str, T], path: Path, *, key: bool = False) -> T | None:
    """The value at the place that a name means; None if there is no such place.

    Args:
        name: The name, as a person writes it.
        known: The values by place.
        path: Where the name is written.
        key: Whether the name is a key there.

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
