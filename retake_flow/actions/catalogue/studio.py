"""The declarations of the actions of the studio."""

from __future__ import annotations

from typing import Any, Final

from retake_flow.actions.catalogue.schemas import CALLED, COUNT, SERVICE, STARTED, TEXT
from retake_flow.flow.catalogue import ActionSpec

_SIZE: Final[dict[str, Any]] = {"type": "string", "pattern": r"^\d{2,5}x\d{2,5}$", "default": "1280x720"}

SPECS: Final = (
    ActionSpec(
        "studio.display",
        "Start a virtual display (Xvfb) with a number that nobody else uses.",
        inputs={"size": _SIZE},
        outcomes=SERVICE,
        result={"display": TEXT, "size": TEXT},
        errors=STARTED,
        service=True,
        programs=("Xvfb",),
    ),
    ActionSpec(
        "studio.window_manager",
        "Start the window manager (openbox) on the display.",
        outcomes=SERVICE,
        errors=STARTED,
        service=True,
        programs=("openbox",),
    ),
    ActionSpec(
        "studio.content",
        "Show the stream log on the display (xterm).",
        outcomes=SERVICE,
        errors=STARTED,
        service=True,
        programs=("xterm",),
    ),
    ActionSpec(
        "studio.encoder",
        "Send the display to the platform (ffmpeg); ready when frames have been sent.",
        inputs={
            "to": {"type": "object", "description": "The result of retake.stream_key."},
            "framerate": {"type": "integer", "minimum": 1, "maximum": 60, "default": 30},
            "bitrate": {"type": "string", "pattern": r"^\d+k$", "default": "1500k"},
        },
        outcomes=SERVICE,
        errors=STARTED,
        service=True,
        programs=("ffmpeg",),
    ),
    ActionSpec(
        "studio.thumbnail",
        "Take a picture of the display and make it the stream's thumbnail.",
        result={"thumbnail_url": TEXT, "bytes": COUNT},
        pace=(120.0, 300.0),
        errors=(*CALLED, *STARTED),
        programs=("scrot",),
        requests=("POST /agent/update-thumbnail",),
    ),
    ActionSpec(
        "studio.show",
        "Write a line on the stream.",
        inputs={"text": TEXT},
        errors=("no_display",),
        says="text",
    ),
)
