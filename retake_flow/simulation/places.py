"""What a person calls the place of an action: a state by its path, an activity by its key, or the end of either."""

from __future__ import annotations

import re
from collections.abc import Iterable

from retake_flow.flow.model import Flow


def matching(name: str, places: Iterable[str]) -> list[str]:
    """The places that a name means: the very one, else all that end with it."""
    known = list(places)
    if name in known:
        return [name]
    ending = re.compile(rf"[/:]{re.escape(name)}\Z")
    return [place for place in known if ending.search(place)]


def performing(flow: Flow) -> dict[str, str]:
    """The places of a flow where an action is performed, with the action."""
    states = {path: state.do for path, state in flow.states.items() if state.do}
    return states | {activity.key: activity.do for activity in flow.activities() if activity.do}
