"""Handles requests from outside the flow to change the stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from retake_flow.flow.model import Flow
from retake_flow.flow.transitions import scene_names
from retake_flow.ports.runs import Request
from retake_flow.redact import bears_secret
from retake_flow.run.run import Run, Work

CONTENT: Final = "studio.content"
_FIELDS: Final = ("to", "data", "for", "clear", "by")


def settled(request: Request, flow: Flow, run: Run) -> tuple[str, Mapping[str, Any]]:
    """The record that settles a request: `scene_set`, which the stage follows, or `scene_refused` with the reason."""
    asked = {name: request.data[name] for name in _FIELDS if name in request.data}
    texts = map(str, dict(request.data.get("data", {})).values())
    secret = "it contains a secret" if any(map(bears_secret, texts)) else ""
    if reason := _unknown(str(asked.get("to") or ""), flow) or _unready(asked, flow, run) or secret:
        return "scene_refused", {"request": request.number, **asked, "reason": reason}
    return "scene_set", {"request": request.number, **asked}


def _unknown(scene: str, flow: Flow) -> str:
    """Why a scene cannot be set; "" when it can."""
    known = scene_names(flow.scenes)
    return "" if not scene or scene in known else f"there is no scene {scene!r}; there are {', '.join(known)}"


def _unready(asked: Mapping[str, Any], flow: Flow, run: Run) -> str:
    """Why what is asked for cannot be changed now; "" when it can."""
    for activity in flow.activities():
        doing = run.activities.get(activity.key)
        if activity.do == CONTENT and doing is not None and doing.work is Work.READY:
            return _unshowable(asked, doing.value, flow)
    return "no stage is on"


def _unshowable(asked: Mapping[str, Any], content: Mapping[str, Any], flow: Flow) -> str:
    """Why this content cannot show what is asked for."""
    page = "page" in asked.get("data", {})
    if asked.get("clear") or (page and content.get("pages")):
        return ""
    if page:
        return "pages need Chromium, which is not installed; `retake-flow doctor` says how to install it"
    if content.get("shows") == "stage" or flow.scenes:
        return ""
    return "the stream shows its log, not the stage; `retake-flow doctor` says why"
