"""Checks the scenes of a flow: what they show, and whether each that is set exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from retake_flow.flow.diagnostics import Position, Problem, did_you_mean
from retake_flow.flow.model import Flow
from retake_flow.flow.transitions import scene_names

_SETS: Final = "studio.scene"


def problems(flow: Flow) -> Iterator[Problem]:
    """Scenes that do not exist, and activities in them that do not."""
    known = scene_names(flow.scenes)
    for position, wanted in _set(flow):
        if wanted not in known:
            yield Problem(position, "RF014", f"there is no scene {wanted!r}", did_you_mean(wanted, known))
    activities = sorted({activity.name for activity in flow.activities()})
    for name, scene in flow.scenes.items():
        for activity in scene.activities:
            if activity not in activities:
                message = f"the scene {name!r} shows {activity!r}, which is no activity of this flow"
                yield Problem(scene.position, "RF014", message, did_you_mean(activity, activities))


def _set(flow: Flow) -> Iterator[tuple[Position, str]]:
    """The scenes that a flow sets, as far as they are written."""
    for state in flow.states.values():
        yield from ((each.position or state.position, each.scene) for each in state.effects() if each.scene)
    for doing in flow.performers():
        scene: Any = doing.inputs.get("to")
        if doing.do == _SETS and isinstance(scene, str):
            yield doing.position, scene
