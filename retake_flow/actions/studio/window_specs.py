"""Specs of the actions that show something in a window of its own."""

from __future__ import annotations

from typing import Any, Final

from retake_flow.actions.spec_schemas import SERVICE, STARTED, TEXT
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.flow.model import Retry

#: How a window comes back when the flow does not say it: soon, and for as long as it takes.
BACK: Final = Retry(max=600, interval=0.2, rate=2.0, cap=2.0)
_AT: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^(full|left|right|top|bottom|center|(top|bottom)-(left|right)|\d{1,4},\d{1,4})$",
    "default": "full",
    "description": "full, left, right, top, bottom, center, a corner such as bottom-right, or pixels: 640,0.",
}
_SIZE: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^[1-9]\d{0,3}x[1-9]\d{0,3}$",
    "description": "Width and height in pixels; otherwise the usual one of its place.",
}
_PLACED: Final = {"at": _AT, "size": _SIZE}

SPECS: Final = (
    ActionSpec(
        "studio.page",
        "Show a web page in a window of its own (Chromium), from a folder or an address.",
        inputs={
            "folder": {**TEXT, "minLength": 1, "description": "A folder with an index.html, from the flow's file on."},
            "url": {
                **TEXT,
                "pattern": r"^https?://\S+$",
                "description": "The address of a page, in place of a folder.",
            },
            "allow": {
                "type": "array",
                "items": {**TEXT, "minLength": 1},
                "default": [],
                "description": "The hosts that the page may reach: example.org, *.example.org, 127.0.0.1:8080.",
            },
            "data": {"type": "object", "description": "Is given to the page's function update(data), if it has one."},
            **_PLACED,
        },
        optional=frozenset({"folder", "url", "data", "size"}),
        outcomes=SERVICE,
        result={"display": TEXT, "url": TEXT},
        errors=(*STARTED, "input", "secret"),
        retry=BACK,
        service=True,
        programs=("chromium",),
        samples={"url": "https://stage.invalid/"},
    ),
)
