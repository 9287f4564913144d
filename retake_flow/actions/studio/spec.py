"""Specs of the studio actions."""

from __future__ import annotations

from typing import Any, Final

from retake_flow.actions.base import AGAIN, CALLED, COUNT, FLAG, NUMBER, SERVICE, STARTED, TEXT, described
from retake_flow.flow.action_spec import ActionSpec
from retake_flow.studio.encoding.quality import CODECS, PRESETS, SOFTWARE

THUMBNAIL_BYTES: Final = 500_000

_DATA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "title": TEXT,
        "note": described(TEXT, "A line below the headline."),
        "ticker": {
            "type": ["string", "array"],
            "items": TEXT,
            "description": "Lines at the bottom, shown one after the other.",
        },
        "picture": described(TEXT, "A picture shown in place of the log: a file in the flow's folder."),
        "agent": {"type": "object", "description": "The agent's `name` and `picture`."},
        "theme": {"type": "object", "description": "Colours and fonts."},
        "words": {"type": "object", "description": "The stage's own texts, for example in another language."},
    },
    "additionalProperties": False,
    "description": "What the stage shows.",
}
_SIZE: Final[dict[str, Any]] = {"type": "string", "format": "size", "default": "1280x720"}

SPECS: Final = (
    ActionSpec(
        "studio.display",
        "Start a virtual display (Xvfb) with an unused number.",
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
        "Show the stage on the display (Chromium), or the stream log (xterm) where Chromium is missing.",
        inputs={
            "as": {
                "enum": ["auto", "stage", "log"],
                "default": "auto",
                "description": "auto: the stage where Chromium is installed, otherwise the log.",
            },
            "title": described(TEXT, "What the stream is about."),
            "theme": {
                "type": "object",
                "description": "Colours and fonts of the stage: accent, background, text, font, …",
            },
            "data": _DATA,
            "folder": described(TEXT, "A folder with an index.html in place of the stage's own.", minLength=1),
        },
        optional=frozenset({"title", "theme", "data", "folder"}),
        outcomes=SERVICE,
        result={"display": TEXT, "shows": {"enum": ["stage", "log"]}, "pages": {"type": "boolean"}},
        errors=(*STARTED, "input"),
        samples={"shows": "log"},
        service=True,
        programs=("xterm",),
    ),
    ActionSpec(
        "studio.encoder",
        "Send the display to the platform (ffmpeg); ready when frames have been sent.",
        inputs={
            "to": {"type": "object", "description": "The result of retake.stream_key."},
            "framerate": {"type": "integer", "minimum": 1, "maximum": 60, "default": 30},
            "bitrate": {"type": "string", "format": "bitrate", "default": "1500k"},
            "preset": {
                "enum": list(PRESETS),
                "default": "veryfast",
                "description": "How much work libx264 spends on the picture; the first is the fastest.",
            },
            "audio_bitrate": {"type": "string", "format": "bitrate", "default": "128k"},
            "keyframe_interval": described(
                NUMBER, "Seconds from one key frame to the next.", minimum=0.5, maximum=10, default=2
            ),
            "codec": {
                "enum": list(CODECS),
                "default": SOFTWARE,
                "description": "The encoder: the processor (libx264), or hardware, which is tested for a second first.",
            },
            "adapt": described(
                FLAG,
                "Whether an encoder that is too slow for a minute is replaced by one with lower "
                "settings: preset, then framerate, then size. They rise again when it keeps up.",
                default=False,
            ),
        },
        outcomes=SERVICE,
        errors=(*STARTED, "ingest_unreachable", "push_refused", "push_closed"),
        service=True,
        programs=("ffmpeg",),
        occasional={"GET /users/live/": "on an agent's first stream, to see when it is shown live"},
    ),
    ActionSpec(
        "studio.thumbnail",
        "Take a picture of the display and make it the stream's thumbnail.",
        inputs={
            "limit": described(
                COUNT,
                "The maximum size of the picture, in bytes; a larger one is shrunk.",
                minimum=20_000,
                default=THUMBNAIL_BYTES,
            ),
            "patience": described(
                NUMBER,
                "How long, in seconds, to wait for a picture while the display is black.",
                minimum=0,
                maximum=60,
                default=10,
            ),
            "max_age": described(
                NUMBER,
                "How old, in seconds, a picture of the same scene may be that was taken before the "
                "stream was live; it is uploaded at once.",
                minimum=0,
                maximum=60,
                default=0,
            ),
        },
        result={"thumbnail_url": TEXT, "bytes": COUNT, "black": FLAG},
        pace=(120.0, 300.0),
        errors=(*CALLED, *STARTED),
        retry=AGAIN,
        programs=("scrot", "ffmpeg"),
        requests=("POST /agent/update-thumbnail",),
        samples={"black": False},
    ),
    ActionSpec(
        "studio.picture",
        "Check the display: whether it is black, and for how many seconds it has not changed.",
        inputs={"look": described(FLAG, "Whether to check at all; otherwise the outcome is `idle`.", default=True)},
        outcomes=("done", "idle"),
        result={"black": FLAG, "black_for": NUMBER, "still_for": NUMBER, "brightness": NUMBER},
        errors=STARTED,
        programs=("ffmpeg",),
        samples={"black": False, "black_for": 0.0, "still_for": 0.0, "brightness": 0.2},
    ),
    ActionSpec(
        "studio.health",
        "Report the encoder's health; raise `struggling` when it has been too slow for a minute.",
        outcomes=("done", "idle"),
        result={
            "frames": COUNT,
            "fps": NUMBER,
            "bitrate": described(NUMBER, "In kbit/s."),
            "dropped": COUNT,
            "speed": described(NUMBER, "The speed, where 1 is the required speed."),
            "seconds": NUMBER,
            "slow_for": described(NUMBER, "Seconds for which the speed has been below 0.9."),
        },
        events={"struggling": {"speed": NUMBER, "fps": NUMBER, "slow_for": NUMBER, "advice": TEXT}},
        samples={"frames": 900, "fps": 30.0, "bitrate": 1500.0, "speed": 1.0, "seconds": 30.0},
    ),
    ActionSpec(
        "studio.scene",
        "Change the scene of the stage and what it shows, until the next change.",
        inputs={
            "to": described(TEXT, "starting, live, brb, ended, or a scene of the flow; by default the scene stays."),
            "data": _DATA,
        },
        optional=frozenset({"to", "data"}),
        errors=("no_display", "secret"),
    ),
    ActionSpec(
        "studio.show",
        "Show a line on stream.",
        inputs={"text": TEXT, "title": described(TEXT, "What the stream is about from now on.")},
        optional=frozenset({"title"}),
        errors=("no_display", "secret"),
        says="text",
    ),
)
